"""What a person reads: subject, plain text and HTML of a payload, from templates compiled once in a process.

It owns wording and looks; it must not know how a text travels. Whatever an article says is escaped, never trusted.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"
MAX_SUBJECT = 150  # code points; mail programs show about 70
MAX_SUBJECT_WATCH = 60
MAX_COPIES_SHOWN = 5
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
# Line breaks and controls would end a header, bidi overrides would turn the rest of an inbox around;
# joiners stay, for Persian words and emoji are spelled with them.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\\s]+")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message in the two forms that a mail carries, and its subject in one clean line."""

    subject: str
    text: str
    html: str


def render(payload: Mapping[str, Any], *, contact: str | None = None) -> Rendered:
    """Subject, text and HTML; ``contact`` is the address to ask where there is no one-click link."""
    view = _view(payload) | {"contact": contact}
    html = _inliner().inline(_template("mail.html").render(view))
    return Rendered(subject(payload), _template("mail.txt").render(view), html)


def plain(payload: Mapping[str, Any]) -> tuple[str, str]:
    """Title and body for chats: the same words with no footer."""
    return subject(payload), _template("chat.txt").render(_view(payload)).strip()


def subject(payload: Mapping[str, Any]) -> str:
    """``Watch: title``, or how many articles for how many watches; one line, at most ``MAX_SUBJECT`` code points."""
    items = payload["items"]
    if not items:
        return one_line(payload.get("title", ""), MAX_SUBJECT)
    names = list(dict.fromkeys(item["watch"]["name"] for item in items))
    who = one_line(names[0], MAX_SUBJECT_WATCH) if len(names) == 1 else f"{len(names)} watches"
    late = " (late)" if payload["kind"] in {"late", "audit"} else ""
    if len(items) > 1:
        return f"{who}: {len(items)} articles{late}"
    edited = " (edited)" if items[0]["edited"] else ""
    room = MAX_SUBJECT - len(who) - len(late) - len(edited) - 2
    return f"{who}: {one_line(items[0]['article']['title'], room)}{late}{edited}"


def one_line(text: str, limit: int) -> str:
    """The text with every run of white space, control and direction marks as one space, bounded."""
    line = _UNFIT.sub(" ", text).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def segments(text: str, marks: Sequence[Sequence[int]]) -> list[tuple[bool, str]]:
    """The text in pieces, each with whether it is marked; marks that overlap or lie outside are cut to fit."""
    pieces, at = [], 0
    for start, end in sorted((max(start, 0), min(end, len(text))) for start, end in marks):
        first = max(start, at)
        if first < end:
            pieces += [(False, text[at:first]), (True, text[first:end])]
            at = end
    pieces.append((False, text[at:]))
    return [piece for piece in pieces if piece[1]]


def when(printed: str | None) -> str:
    """``23 Nov 2026, 14:05 (UTC+3)`` as far as the page printed it; no zone is made up."""
    if not printed:
        return ""
    moment = dt.datetime.fromisoformat(printed)
    day = f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    if "T" not in printed:
        return day
    return f"{day}, {moment:%H:%M}{_zone(moment)}"


def _zone(moment: dt.datetime) -> str:
    offset = moment.utcoffset()
    if offset is None:
        return ""
    minutes = int(offset.total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    sign = "" if not minutes else "−" if minutes < 0 else "+"
    return f" (UTC{sign}{hours or (rest and '0') or ''}{f':{rest:02}' if rest else ''})"


def _view(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates see: items by watch, each with its passage in pieces and its addresses checked."""
    items = sorted(payload["items"], key=lambda item: str(item["watch"]["id"]))
    return {
        "subject": subject(payload),
        "single": len(items) == 1,
        "count": len(items),
        "kind": payload["kind"],
        "notice": {"title": payload.get("title", ""), "text": payload.get("text", "")},
        "groups": [{"watch": rows[0]["watch"], "items": rows} for rows in _by_watch(items)],
        "preview": items[0]["why"] if len(items) == 1 else "; ".join(item["article"]["title"] for item in items[:5]),
        "unsubscribe_url": payload.get("unsubscribe_url"),
    }


def _by_watch(items: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for _, rows in groupby(items, key=lambda item: item["watch"]["id"]):
        yield [_shown(row) for row in rows]


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    article, copies = item["article"], item["copies"]
    return {
        "watch": item["watch"],
        "title": one_line(article["title"], 300) or article["url"],
        "url": _web_address(article["url"]),
        "source": article["source"],
        "when": when(article["published_at"]),
        "authors": ", ".join(article["authors"][:3]),
        "language": article["language"],
        "passage": segments(item["passage"]["text"], item["passage"]["marks"]),
        "why": item["why"],
        "late": item["late"],
        "edited": item["edited"],
        "copies": [copy | {"url": _web_address(copy["url"])} for copy in copies[:MAX_COPIES_SHOWN]],
        "more_copies": max(len(copies) - MAX_COPIES_SHOWN, 0),
    }


def _web_address(url: str) -> str | None:
    """The address where it is one that a browser may follow from a mail: never ``javascript:`` or ``data:``."""
    return url if url.lower().startswith(("https://", "http://")) else None


@lru_cache(maxsize=1)
def _environment() -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(
        loader=loader,
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )


@lru_cache(maxsize=8)
def _template(name: str) -> Any:
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _inliner() -> Any:
    """Never loads a style sheet: an article can't make us fetch one."""
    import css_inline

    return css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True, remove_inlined_selectors=True)
