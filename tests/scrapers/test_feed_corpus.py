"""Every feed of the shared corpus through `dev feed`, against the expectation in its comment."""

import ast
import base64
import datetime as dt
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from desk import plumbing
from scrapers.discovery.plain import one_line, text_of

CORPUS = Path(__file__).parents[2].parent / "shared/corpora/feeds"
OURS = {  # a name of the corpus' vocabulary: ours
    "title": "title",
    "link": "url",
    "id": "id",
    "guid": "id",
    "description": "text",
    "summary": "text",
    "content": "text",
    "tagline": "text",
    "subtitle": "text",
    "info": "text",
    "published": "published_at",
    "issued": "published_at",
    "created": "published_at",
    "updated": "updated_at",
    "modified": "updated_at",
    "date": "updated_at",
}
STATED = re.compile(
    r"""(?P<place>feed|entries\[(?P<n>\d+)\])(?:\[u?['"](?P<key>\w+)['"]\]|\.(?P<dotted>\w+))"""
    r"""(?P<value>(?:\[\d+\])?\[['"]value['"]\])?\s*==\s*(?P<expected>.+?)(?=\s+and\s|\s*\Z)""",
    re.DOTALL,
)


def comment_of(data: bytes) -> str:
    codes = ("utf-8", "utf-16", "utf-32", "utf-32-be", "utf-16-be", "latin-1")
    for code in codes:
        try:
            text = data.decode(code)
        except UnicodeDecodeError:
            continue
        if "Expect:" in text:
            return text
    return ""


def stated(text: str):
    """(entry number or None, name, expected) of what the expectation says in words that our format has."""
    found = re.search(r"Expect:\s*(.*?)\s*-->", text, re.DOTALL)
    for part in STATED.finditer(found[1] if found else ""):
        key = part["key"] or part["dotted"]
        name = re.sub(r"_(?:detail|parsed)\Z", "", key)
        if name not in OURS or (key.endswith("_detail") or key == "content") != bool(part["value"]):
            continue
        try:
            expected = ast.literal_eval(part["expected"])
        except (SyntaxError, ValueError):
            continue
        yield (int(part["n"]) if part["n"] else None), name, expected


def agrees(name: str, expected, ours) -> bool:
    if isinstance(expected, tuple):
        if ours is None:
            return False
        moment = dt.datetime.fromisoformat(ours)
        moment = moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)
        return moment.timetuple()[:6] == expected[:6]
    if OURS[name] in ("published_at", "updated_at"):
        return ours is not None
    if OURS[name] in ("title", "text"):
        return one_line(text_of(expected)) == one_line(ours or "") or one_line(expected) == one_line(ours or "")
    return (expected or None) == ours


def answer_to(data: bytes, text: str):
    kind = re.search(r"Header:\s*Content-type:\s*(.+)", text, re.IGNORECASE)
    place = re.search(r"Header:\s*Content-Location:\s*(\S+)", text, re.IGNORECASE)
    url = urljoin("http://127.0.0.1:8097/", place[1]) if place else ""  # the server that the expectations assume
    line = {"data": base64.b64encode(data).decode(), "url": url}
    return plumbing.feed(line | ({"content_type": kind[1].strip()} if kind else {}))


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus of feeds is absent")
def test_no_feed_of_the_corpus_crashes_and_nearly_all_are_read_as_stated(capsys):
    files, states, wrong = 0, 0, []
    for path in sorted(CORPUS.rglob("*.xml")):
        data = path.read_bytes()
        text = comment_of(data)
        answer = answer_to(data, text)
        files += 1
        claims = list(stated(text))
        states += bool(claims)
        for number, name, expected in claims:
            row = answer if number is None else dict(enumerate(answer.get("items", []))).get(number, {})
            if not agrees(name, expected, row.get(OURS[name])):
                wrong.append((str(path.relative_to(CORPUS)), name, expected, row.get(OURS[name])))
                break
    share = 1 - len(wrong) / states
    with capsys.disabled():
        print(f"\nfeeds: {files} files, {states} state what we read, {share:.1%} agree")
    assert files > 1000
    assert states > 600
    assert share >= 0.93, wrong
