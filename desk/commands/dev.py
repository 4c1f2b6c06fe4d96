"""``copytaster dev``: plumbing for conformance suites, JSON lines from standard input to standard output, one for one.

It owns the stream; what a line means is ``desk.plumbing``'s.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from desk import output
from desk.commands.options import group

app = group(
    "Plumbing for conformance suites: JSON lines in, one line out for each.\n\n"
    """Example: echo '{"url": "HTTP://Example.org/?utm_source=x"}' | copytaster dev url"""
)
Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


def _stream(answer: Answer) -> None:
    """An empty line gives none; each answer is out before the next line is read."""
    for line in sys.stdin.buffer:
        if line.strip():
            output.record(_answered(answer, line), flush=True)


def _answered(answer: Answer, line: bytes) -> dict[str, Any]:
    try:
        given = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return {"error": "The line is no JSON in UTF-8."}
    if not isinstance(given, dict):
        return {"error": "The line holds no JSON object."}
    return answer(given)


@app.command()
def feed() -> None:
    """Read feeds: data, url?, content_type? to kind, title, url, items.

    Example: copytaster dev feed < feeds.jsonl
    """
    from desk import plumbing

    _stream(plumbing.feed)


@app.command()
def robots() -> None:
    """Ask robots.txt: data, agent, url to allowed, crawl_delay, sitemaps.

    Example: copytaster dev robots < robots.jsonl
    """
    from desk import plumbing

    _stream(plumbing.robots)


@app.command()
def url() -> None:
    """Read URLs: url, base? to url, canonical, host, id.

    Example: copytaster dev url < urls.jsonl
    """
    from desk import plumbing

    _stream(plumbing.url)


@app.command()
def charset() -> None:
    """Tell encodings: data, content_type? to charset, text.

    Example: copytaster dev charset < documents.jsonl
    """
    from desk import plumbing

    _stream(plumbing.charset)


@app.command()
def sign() -> None:
    """Sign webhooks: secret, id, timestamp, payload to signature.

    Example: copytaster dev sign < webhooks.jsonl
    """
    from desk import plumbing

    _stream(plumbing.sign)


@app.command()
def guard() -> None:
    """Ask the address guard: url to allowed, addresses, reason.

    Example: copytaster dev guard < urls.jsonl
    """
    from desk import plumbing

    _stream(plumbing.guard)
