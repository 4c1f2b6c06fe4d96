"""Strings of every kind that broke something somewhere, for whatever takes a string from outside."""

# Our own list of kinds: nothing and nearly nothing, paths, halves of letters, controls, what turns a line around, very long,
# numbers that are none, addresses, headers, formulas of spreadsheets, options, format strings, quotes and wildcards of others.
HOSTILE = [
    "", " ", "\t", "\n", "-", "--", "--help=x", "-rf", "/", ".", "../..", "/dev/null", "/etc/passwd", "/nowhere/file",
    "\udcff", "\ud800", "\0", "a\0b", "\x1b[31m\u202e", "\x07\x08\x7f\x9b", "\u202eabc\u2066", "\u200b\ufeff", "\ufdfa",
    "Z\u0351\u0489" * 50, "a" * 9_000, "é" * 300, "w" * 300 + "*", "😀", "👩‍👩‍👧‍👦🏳️‍🌈", "0", "-1", "99999999999999999999", "nan",
    "1e999", "١٢", "½", "http://[", "http://127.0.0.1:1/", "file:///etc/passwd", "javascript:alert(1)",
    "mailto:a@b\r\nBcc: c", "x\r\nSet-Cookie: a=b", "=1+1", "+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "%s%n%d",
    "{0.__class__}", "${jndi:ldap://x}", "{{7*7}}", "$(id)", "`id`", "|id", "; id", "'; DROP TABLE watches; --",
    "' OR 1=1", "<script>alert(1)</script>", "]]>", "&lol;", "((((", '"', "*", "{}", "[[", "%00", "\\",
    "2026-13-45", "99999999d", "null", "None", "true",
]  # fmt: skip
