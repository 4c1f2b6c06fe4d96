"""The plumbing behind ``copytaster dev …``: one JSON object in, one out, for conformance suites.

It owns the formats and that bad input gives a sentence, never a traceback; the rules live in the rooms below.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from copytaster.errors import CopytasterError, Rejected

Line = Mapping[str, Any]
Answer = dict[str, Any]


def feed(line: Line) -> Answer:
    """``data`` (base64), ``url``?, ``content_type``? to ``kind``, ``title``, ``url``, ``items``."""
    return _answered(_feed, line)


def robots(line: Line) -> Answer:
    """``data``, ``agent``, ``url`` to ``allowed``, ``crawl_delay``, ``sitemaps``."""
    return _answered(_robots, line)


def url(line: Line) -> Answer:
    """``url``, ``base``? to ``url``, ``canonical``, ``host``, ``id``; the last two of an http(s) address only."""
    return _answered(_url, line)


def charset(line: Line) -> Answer:
    """``data``, ``content_type``? to ``charset`` and ``text``."""
    return _answered(_charset, line)


def sign(line: Line) -> Answer:
    """``secret``, ``id``, ``timestamp``, ``payload`` to ``signature``, as Standard Webhooks signs."""
    return _answered(_sign, line)


def guard(line: Line) -> Answer:
    """``url`` to ``allowed``, ``addresses``, ``reason``."""
    return _answered(_guard, line)


def _answered(work: Callable[[Line], Answer], line: Line) -> Answer:
    try:
        if not isinstance(line, Mapping):
            raise Rejected("bad_input", "A line must hold one JSON object.")
        return work(line)
    except CopytasterError as error:
        return {"error": str(error)}


def _feed(line: Line) -> Answer:
    from scrapers.discovery.boxed import parse_feed_boxed

    document = parse_feed_boxed(_data(line), _text(line, "url"), _text(line, "content_type") or None)
    return {
        "kind": document.kind,
        "id": document.id,
        "title": document.title,
        "url": document.url,
        "text": document.text,
        "published_at": _iso(document.published),
        "updated_at": _iso(document.updated),
        "items": [
            {
                "id": item.id,
                "url": item.url,
                "title": item.title,
                "published_at": _iso(item.published),
                "updated_at": _iso(item.updated),
                "authors": list(item.authors),
                "text": item.text,
            }
            for item in document.items
        ],
    }


def _robots(line: Line) -> Answer:
    from scrapers.robots import Robots

    rules = Robots.parse(_data(line), _text(line, "agent"))
    return {
        "allowed": rules.allowed(_text(line, "url")),
        "crawl_delay": rules.delay_seconds,
        "sitemaps": list(rules.sitemaps),
    }


def _url(line: Line) -> Answer:
    from copytaster.urls import normalize, resolve, url_id, whatwg_host

    href = resolve(_text(line, "url"), _text(line, "base") or None)
    answer: Answer = {"url": href, "canonical": None, "host": whatwg_host(href), "id": None}
    if href.startswith(("http://", "https://")):
        answer["canonical"] = canonical = normalize(href)
        answer["id"] = url_id(canonical)
    return answer


def _charset(line: Line) -> Answer:
    from copytaster.charset import decode

    text, name = decode(_data(line), _text(line, "content_type") or None)
    return {"charset": name, "text": text}


def _sign(line: Line) -> Answer:
    from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

    try:
        moment = dt.datetime.fromtimestamp(int(str(line.get("timestamp"))), tz=dt.UTC)
    except (ValueError, OverflowError, OSError):
        raise Rejected("bad_input", "The field 'timestamp' must be whole seconds since 1970.") from None
    try:
        signer = Webhook(_text(line, "secret"))
    except (ValueError, EmptyWebhookSecretError):
        raise Rejected("bad_input", "The field 'secret' must be base64, with or without 'whsec_'.") from None
    try:
        return {"signature": signer.sign(_text(line, "id"), moment, _text(line, "payload"))}
    except UnicodeEncodeError:
        raise Rejected("bad_input", "The text to sign holds half a character (a lone surrogate).") from None


def _guard(line: Line) -> Answer:
    from copytaster.guard import Guard

    try:
        return {"allowed": True, "addresses": Guard().check_url(_text(line, "url")), "reason": None}
    except Rejected as refused:
        return {"allowed": False, "addresses": [], "reason": refused.reason}


def _text(line: Line, name: str) -> str:
    value = line.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Rejected("bad_input", f"The field {name!r} must be a string.")
    return value


def _data(line: Line) -> bytes:
    if not isinstance(line.get("data"), str):
        raise Rejected("bad_input", "The field 'data' must hold the document as base64.")
    try:
        return base64.b64decode(line["data"], validate=True)
    except (binascii.Error, ValueError):
        raise Rejected("bad_input", "The field 'data' is not base64.") from None


def _iso(printed: Any) -> str | None:
    return printed.isoformat() if printed else None
