"""What a site lets us fetch: robots.txt by RFC 9309, read once and asked for each address.

It owns the rules of that file and what each failure to get it means; it must not fetch it or know who asks.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from scrapers.resolving import http_only

MAX_BYTES = 500 * 1024  # RFC 9309 2.5: at least 500 KiB must be read; the rest is not
MAX_REDIRECTS = 5
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


@dataclass(slots=True)
class Robots:
    """A parsed robots.txt. ``sitemaps`` are as printed, made absolute where the file's own URL is known."""

    rules: dict[str, list[Rule]] = field(default_factory=dict)  # by product token in lower case
    delays: dict[str, float] = field(default_factory=dict)
    sitemaps: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: bytes, url: str | None = None) -> "Robots":
        """Never fails: what is no rule is skipped, and an HTML page has none."""
        robots = cls()
        agents: list[str] = []
        sitemaps: list[str] = []
        in_rules = False
        for key, value in _lines(data):
            if key.startswith(_AGENT_KEYS):
                agents = [*([] if in_rules else agents), _agent(value)]
                robots.rules.setdefault(agents[-1], [])
                in_rules = False
            elif key.startswith((b"allow", *_DISALLOW_KEYS)):
                in_rules = in_rules or bool(agents)
                for agent in agents:
                    robots.rules[agent] += _rules(key.startswith(b"allow"), value)
            elif key.startswith(_SITEMAP_KEYS):
                sitemaps.append(value.decode("utf-8", "replace"))
            elif key == b"crawl-delay":
                robots.delays |= dict.fromkeys(agents, _seconds(value))
        robots.sitemaps = tuple(http_only(place, url) or place for place in dict.fromkeys(sitemaps) if place)
        for rules in robots.rules.values():
            rules.sort(key=lambda rule: (-rule.weight, not rule.allow))  # the first that matches decides
        return robots

    def allowed(self, agent: str, url: str) -> bool:
        """Whether ``agent`` (a product token) may fetch the URL, which is matched as given, not escaped first."""
        rules = self._of(agent)
        if not rules:
            return True
        path = path_of(url)
        return next((rule.allow for rule in rules if rule.matches(path)), True)

    def crawl_delay(self, agent: str) -> float | None:
        """Seconds between requests that the site asks of ``agent``; not in the RFC, but widely printed."""
        name = agent.lower()
        delay = self.delays.get(name if name in self.rules else GLOBAL, 0.0)
        return delay or None

    def _of(self, agent: str) -> list[Rule]:
        """A group of our own name hides the one for everybody, even where it holds no rule."""
        own = self.rules.get(agent.lower())
        return self.rules.get(GLOBAL, []) if own is None else own


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
    for line in _LINE_END.split(data):
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


def _rules(allow: bool, value: bytes) -> list[Rule]:
    """None for an empty pattern; two where Allow names an index page, which is also the folder itself."""
    pattern = _ESCAPE.sub(_escaped, value).decode("ascii")
    if not pattern:
        return []
    rules = [_rule(allow, pattern)]
    slash = pattern.rfind("/")
    if allow and slash >= 0 and pattern.startswith("/index.htm", slash):
        rules.append(_rule(allow, pattern[: slash + 1] + "$"))
    return rules


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
