"""What a site lets us fetch: robots.txt by RFC 9309, read once and asked for each address.

It owns the rules of that file and what each failure to get it means; it must not fetch it or know who asks.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scrapers.resolving import http_only

MAX_BYTES = 500 * 1024  # RFC 9309 2.5: at least 500 KiB must be read; the rest is not
MAX_REDIRECTS = 5
MAX_RULES = 20_000  # for one agent; the largest files of the field hold some thousand, and each rule is asked for each address
MAX_SITEMAPS = 1_000
_MAX_LINE = 2083 * 8 - 1  # as the reference parser: longer lines are cut, not refused
_LINE_END = re.compile(rb"\r\n|\n|\r")
_TOKEN = re.compile(rb"[a-zA-Z_-]*")
_ESCAPE = re.compile(rb"%[0-9a-fA-F]{2}|[\x80-\xff]")
_AGENT_KEYS = (b"user-agent", b"useragent", b"user agent")
_DISALLOW_KEYS = (b"disallow", b"dissallow", b"dissalow", b"disalow", b"diaslow", b"diasllow", b"disallaw")
_SITEMAP_KEYS = (b"sitemap", b"site-map")

Decision = Literal["allow_all", "disallow_all", "parse"]
GLOBAL = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """One Allow or Disallow line: literal pieces between its wildcards; ``weight`` is its length as written."""

    allow: bool
    weight: int
    pieces: tuple[str, ...]
    anchored: bool

    def matches(self, path: str) -> bool:
        """Leftmost pieces one after the other: linear, where a regular expression could be made to backtrack."""
        first, rest = self.pieces[0], self.pieces[1:]
        if not path.startswith(first):
            return False
        at = len(first)
        if not rest:
            return not self.anchored or at == len(path)
        for piece in rest[:-1] if self.anchored else rest:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return not self.anchored or (len(path) - len(rest[-1]) >= at and path.endswith(rest[-1]))


@dataclass(frozen=True, slots=True)
class Robots:
    """What a robots.txt asks of one agent. ``rules``: the first that matches decides. ``delay_seconds``: between requests; not in
    the RFC, but widely printed. ``sitemaps``: as printed, made absolute where the file's own URL is known.
    """

    rules: Sequence[Rule] = ()
    delay_seconds: float | None = None
    sitemaps: Sequence[str] = ()

    @classmethod
    def parse(cls, data: bytes, agent: str, url: str | None = None) -> "Robots":
        """For ``agent`` (a product token). Never fails: what is no rule is skipped, and an HTML page has none.

        Groups of others are read past: 17,000 agents with 20,000 rules fit into 500 KiB.
        """
        named = {agent.lower(): _Group(), GLOBAL: _Group()}
        here: list[_Group] = []  # of those, whom the lines are for
        agents_end = True
        sitemaps: dict[str, None] = {}
        for key, value in _lines(data):
            if key.startswith(_AGENT_KEYS):
                here, agents_end = [] if agents_end else here, False
                group = named.get(_agent(value))
                if group is not None and group not in here:
                    group.is_named = True
                    here.append(group)
            elif key.startswith((b"allow", *_DISALLOW_KEYS)):
                agents_end = True
                for group in here:
                    group.note(key.startswith(b"allow"), value)
            elif key.startswith(_SITEMAP_KEYS) and value and len(sitemaps) < MAX_SITEMAPS:
                sitemaps[value.decode("utf-8", "replace")] = None
            elif key == b"crawl-delay":
                for group in here:
                    group.delay_seconds = _seconds(value)
        own = named[agent.lower()]
        obeyed = own if own.is_named else named[GLOBAL]  # a group of our own name hides the one for everybody, even an empty one
        return cls(obeyed.rules(), obeyed.delay_seconds or None, tuple(http_only(place, url) or place for place in sitemaps))

    def allowed(self, url: str) -> bool:
        """Whether the agent may fetch the URL, which is matched as given, not escaped first."""
        if not self.rules:
            return True
        path = path_of(url)
        return next((rule.allow for rule in self.rules if rule.matches(path)), True)


@dataclass(slots=True, eq=False)
class _Group:
    """All that is printed for one agent, in however many groups."""

    is_named: bool = False
    delay_seconds: float = 0.0
    _noted: dict[tuple[bool, str], None] = field(default_factory=dict)  # of each kind once, as they may be printed 38,000 times

    def note(self, allow: bool, value: bytes) -> None:
        if len(self._noted) < MAX_RULES:
            self._noted |= dict.fromkeys((allow, pattern) for pattern in _patterns(allow, value))

    def rules(self) -> Sequence[Rule]:
        """The longest first, and of two as long that which allows."""
        rules = [_rule(allow, pattern) for allow, pattern in self._noted]
        return tuple(sorted(rules, key=lambda rule: (-rule.weight, not rule.allow)))


def decide(status: int | None) -> Decision:
    """What the answer to robots.txt means, redirects (five at most) already followed; ``None`` is no answer at all.

    RFC 9309 2.3.1: 4xx means there is none; 5xx and unreachable mean complete disallow, tried again within a day.
    """
    if status is None or status >= 500:
        return "disallow_all"
    return "parse" if 200 <= status < 300 else "allow_all"


def product_token(user_agent: str) -> str:
    """The name in a User-Agent header by which robots.txt knows it: ``copytaster/1.0 (+https://…)`` is copytaster."""
    return _TOKEN.match(user_agent.encode())[0].decode()  # type: ignore[index] # it matches the empty string too


def path_of(url: str) -> str:
    """Path and query of a URL as given, ``/`` where it has none."""
    start = 2 if url.startswith("//") else 0
    mark = url.find("://", start)
    if mark >= 0 and not re.search(r"[/?;]", url[start:mark]):
        start = mark + 3
    rest = url[start:].partition("#")[0]
    found = re.search(r"[/?;]", rest)
    if not found:
        return "/"
    path = rest[found.start() :]
    return path if path.startswith("/") else "/" + path


def _lines(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key in lower case, value) of each line that has both a key and a separator."""
    if len(data) > MAX_BYTES:  # half a line may forbid more than the whole one
        data = data[:MAX_BYTES]
        data = data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1]
    for mark in (b"\xef", b"\xbb", b"\xbf"):  # a part of a byte order mark is skipped too
        if not data.startswith(mark):
            break
        data = data[1:]
    for line in filter(None, _LINE_END.split(data)):
        text = line[:_MAX_LINE].partition(b"#")[0].strip()
        key, colon, value = text.partition(b":")
        if not colon:
            parts = text.split()  # some forget the colon; then only two words can be meant
            if len(parts) != 2:
                continue
            key, value = parts
        if key := key.strip().lower():
            yield key, value.strip()


def _agent(value: bytes) -> str:
    if value[:1] == b"*" and (len(value) == 1 or value[1:2].isspace()):
        return GLOBAL
    return _TOKEN.match(value)[0].decode().lower()  # type: ignore[index] # it matches the empty string too


def _patterns(allow: bool, value: bytes) -> list[str]:
    """None for an empty one; two where Allow names an index page, which is also the folder itself."""
    pattern = _ESCAPE.sub(_escaped, value).decode("ascii")
    slash = pattern.rfind("/")
    if allow and slash >= 0 and pattern.startswith("/index.htm", slash):
        return [pattern, pattern[: slash + 1] + "$"]
    return [pattern] if pattern else []


def _rule(allow: bool, pattern: str) -> Rule:
    anchored = pattern.endswith("$")
    body = pattern[:-1] if anchored else pattern
    return Rule(allow, len(pattern), tuple(re.sub(r"\*+", "*", body).split("*")), anchored)


def _escaped(found: re.Match[bytes]) -> bytes:
    octets = found[0]
    return octets.upper() if len(octets) == 3 else b"%%%02X" % octets[0]


def _seconds(value: bytes) -> float:
    try:
        seconds = float(value)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
