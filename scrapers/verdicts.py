"""What an answer to a fetch means: keep it, try again later, or refuse it with a reason; all pure.

It owns the reasons (slugs that refusals and metrics carry) and the backoff; it must not fetch or store anything.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

MAX_ATTEMPTS = 5
FIRST_BACKOFF_SECONDS = 60.0
MAX_WAIT_SECONDS = 86_400.0

_HTML = frozenset({"text/html", "application/xhtml+xml", ""})
_MAYBE_HTML = frozenset({"text/plain", "application/xml", "text/xml", "application/octet-stream"})
_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body")
_LOGIN = ("login", "signin", "sign-in", "anmelden", "subscribe", "subscription", "paywall", "account", "register", "sso")
_MISSING = ("404", "not-found", "notfound", "page-not-found", "error", "errors", "error404")


@dataclass(frozen=True, slots=True)
class Keep:
    """An article's page."""


@dataclass(frozen=True, slots=True)
class Retry:
    reason: str
    detail: str
    seconds: float | None = None  # as the server asked; None: our own backoff


@dataclass(frozen=True, slots=True)
class Refuse:
    reason: str
    detail: str


Verdict = Keep | Retry | Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The facts of a response that a verdict rests on."""

    asked: str
    url: str
    status: int
    content_type: str = ""
    body: bytes = b""
    retry_after: float | None = None


def judge(answer: Answer) -> Verdict:
    """What to do with the answer to a link's fetch."""
    if answer.status in (200, 203):
        return _judge_page(answer)
    return judge_status(answer.status, answer.url, answer.retry_after)


def judge_status(status: int, url: str, retry_after: float | None = None) -> Verdict:
    """For every status but success."""
    if status in (404, 410):
        return Refuse("gone", f"{url} answers {status}: the page is not there any more.")
    if status in (401, 402):
        return Retry(
            "login_wall", f"{url} answers {status}: it wants a login; give the source its cookies or headers.", retry_after
        )
    if status == 403:
        return Retry("forbidden", f"{url} answers 403: the site blocks us; try other headers, a proxy, or ask it.", retry_after)
    if status == 451:
        return Refuse("forbidden", f"{url} answers 451: it is withheld for legal reasons.")
    if status == 429:
        return Retry("rate_limited", f"{url} answers 429: the site wants fewer requests; raise crawl.delay_seconds.", retry_after)
    if status >= 500 or status in (408, 425):
        return Retry("server_error", f"{url} answers {status}: the site has trouble of its own.", retry_after)
    if status >= 400:
        return Refuse("client_error", f"{url} answers {status}: it does not take this request.")
    return Refuse("not_html", f"{url} answers {status} with nothing to read.")


def _judge_page(answer: Answer) -> Verdict:
    if answer.url != answer.asked and (why := _astray(answer)):
        return why
    if not is_html(answer.content_type, answer.body):
        kind = answer.content_type.partition(";")[0] or "no content type"
        return Refuse("not_html", f"{answer.url} is {kind}, not a page; only HTML is read.")
    if not answer.body.strip():
        return Refuse("not_html", f"{answer.url} is an empty page.")
    return Keep()


def leads_to_login(answer: Answer) -> bool:
    parts = _parts_of(answer.url)
    return answer.url != answer.asked and bool(parts) and (_stem(parts[-1]) in _LOGIN or parts[0] in _LOGIN)


def _parts_of(url: str) -> list[str]:
    return [part.lower() for part in urlsplit(url).path.split("/") if part]


def _stem(part: str) -> str:
    return part.partition(".")[0]


def _astray(answer: Answer) -> Refuse | None:
    """A redirect that leads away from the article: soft 404s and login walls answer 200."""
    asked, came = urlsplit(answer.asked).path, urlsplit(answer.url).path
    parts = _parts_of(answer.url)
    last = _stem(parts[-1]) if parts else ""
    if leads_to_login(answer):
        return Refuse("login_wall", f"{answer.asked} leads to {answer.url}, a login; give the source its cookies or headers.")
    gone = last in _MISSING or is_above(came, asked) or _is_front(answer, parts)
    if gone:
        return Refuse("soft_404", f"{answer.asked} leads to {answer.url}: the article is gone, though the site says 200.")
    return None


def is_above(path: str, other: str) -> bool:
    """Whether ``path`` is a section that ``other`` lay in: ``/news/`` above ``/news/2026/a-story``."""
    above, below = path.strip("/").split("/"), other.strip("/").split("/")
    return len(above) < len(below) and (above == [""] or below[: len(above)] == above)


def _is_front(answer: Answer, parts: Sequence[str]) -> bool:
    """A front page, this site's or another's: parked domains lead there too."""
    front = not parts or (len(parts) == 1 and len(parts[0]) == 2)  # "/" and "/en/"
    asked_front = not urlsplit(answer.asked).path.strip("/") and not urlsplit(answer.asked).query
    return front and not urlsplit(answer.url).query and not asked_front


def is_html(content_type: str, body: bytes) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    looks = any(mark in head for mark in _MARKUP)
    if kind in _HTML:
        return looks or b"<" in head or not kind.startswith("application")
    return kind in _MAYBE_HTML and looks


def backoff_seconds(attempts: int) -> float:
    """1, 4, 16, 64 minutes …"""
    return min(FIRST_BACKOFF_SECONDS * 4.0 ** (attempts - 1), MAX_WAIT_SECONDS)


def retry_after_seconds(header: str | None, now: dt.datetime) -> float | None:
    """RFC 9110, 10.2.3: seconds or a date; bounded to a day, nonsense is nothing."""
    if not header:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_WAIT_SECONDS)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return min(max((at - now).total_seconds(), 0.0), MAX_WAIT_SECONDS)
