"""Targets that read what people and programs type: queries and what becomes of them, JSON lines, unsubscribe tokens."""

import base64
import json
import sqlite3
from collections.abc import Callable

from copytaster.errors import CopytasterError, Rejected
from desk import plumbing
from desk.commands.dev import _answered
from desk.offline_extract import extract_batch
from desk.offline_match import match_lines
from search import fts
from search.document import Document
from search.elastic_query import candidates
from search.mapping import WORD_FIELDS
from search.matcher import Matcher, Verifier
from search.name_widening import widened
from search.query import Query, literal, parse
from search.sqlite import SqliteSearch
from tests.fuzz.targets import check_sentence, naughty, target, text_of
from workers.notifiers import unsubscribe

SYNTAX = (
    b"AND ", b"OR ", b"NOT ", b'"', b"(", b")", b"~5", b"~99999999999", b"*", b"title:", b"source:", b"lang:", b"=", b"-", b"!", b"+",
    b"\xe2\x80\x9c", b"\xe2\x80\x9d", b"\xc2\xab", b"NEAR(", b"{text} :", b"^", b"'; DROP TABLE x; --", b"\0", b"\xed\xa0\x80", b"\\",
    b"Kata'ib Hizballah", b"\xd9\x83\xd8\xaa\xd8\xa7\xd8\xa6\xd8\xa8", b"\xe5\x8c\x97\xe4\xba\xac", b"\xc2\xbd", b"e\xcc\x81", b" ", b"a",
)  # fmt: skip
LINES = (
    b'{"id":', b'"query":', b'"url":', b'"data":"', b'"text":', b'"title":', b"null", b"[]", b"{", b"}", b"1e999", b"NaN", b"\\ud800", b",",
    b'"level":"wide"', b'"aliases":["', b'"agent":', b'"secret":"whsec_', b'"timestamp":', b"-1", b"\\u0000", b"[" * 2000, b"9" * 5000,
)  # fmt: skip
_FIELDS = ", ".join(WORD_FIELDS)
_INDEX = sqlite3.connect(":memory:", check_same_thread=False)
_INDEX.execute(f"CREATE VIRTUAL TABLE words USING fts5({_FIELDS}, tokenize='ascii')")
_INDEX.execute(f"INSERT INTO words ({_FIELDS}) VALUES ('kept', 'kept words', '', '', '')")
_CALLED = {"match_phrase", "prefix", "terms", "intervals", "bool", "filter", "should", "must_not", "match"}


def _no_spellings(*_: object) -> list[str]:
    return []


@target("query", seeds=naughty, tokens=SYNTAX)
def query(data: bytes) -> None:
    """To a tree and back, to both engines' languages, and to a match."""
    typed = text_of(data)
    read = parse(typed)
    for hint in read.hints:
        check_sentence(hint)
    again = parse(str(read))
    assert str(again) == str(read), f"{read!s} is read again as {again!s}"
    _ask_fts(read)
    _ask_elastic(read)
    _match(read, typed)


def _ask_fts(read: Query) -> None:
    """FTS5 takes what is made of it, and nothing gets out of the quotes."""
    for tree in (read.tree, widened(read.tree, "wide", _no_spellings)):
        _INDEX.execute("SELECT count(*) FROM words WHERE words MATCH ?", (fts.expression(tree),)).fetchone()


def _ask_elastic(read: Query) -> None:
    """A body of our own clauses alone, which JSON can carry."""
    body = candidates(read.tree, None, None)
    json.dumps(body).encode("ascii")
    _check_clauses(body)


def _check_clauses(body: dict[str, object]) -> None:
    for name, inner in body.items():
        assert name in _CALLED, name
        if name == "bool":
            assert isinstance(inner, dict)
            for clauses in inner.values():
                assert isinstance(clauses, list)
                for clause in clauses:
                    _check_clauses(clause)
        else:
            assert isinstance(inner, dict)
            assert all(str(field).startswith("words.") for field in inner), inner


def _match(read: Query, typed: str) -> None:
    document = Document(title=typed, text=f"{typed} {typed[::-1]}", language="en", source=typed, author=typed)
    matcher = Matcher()
    matcher.add("w", read, level="wide", aliases=[], vetoes=[typed])
    matcher.add("v", read, level="strict")
    for found in matcher.match(document):
        for hit in found.hits:
            whole = document.title if hit.field == "title" else getattr(document, hit.field)
            assert whole[hit.start : hit.end] == hit.printed
    Verifier(read, level="strict", vetoes=[]).hits(document)


@target("alias", seeds=naughty, tokens=SYNTAX)
def alias(data: bytes) -> None:
    """Aliases and vetoes are plain text, whatever they hold."""
    typed = text_of(data)
    whole = parse("kept").or_forms([typed])
    assert literal(typed).words
    _ask_fts(whole)
    _ask_elastic(whole)
    parse(str(whole))


@target("search", seeds=naughty, tokens=SYNTAX, slow=True)
def search(data: bytes) -> None:
    """The whole of a search in the engine of one machine."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        engine = SqliteSearch(f"{folder}/index.db")
        engine.prepare()
        engine.search(parse(text_of(data)), level="wide")


def _check_answers(answers: object) -> None:
    for answer in answers:  # type: ignore[attr-defined]
        json.dumps(answer)
        if isinstance(answer, dict) and "error" in answer:
            check_sentence(str(answer["error"]))


@target("match_lines", seeds=naughty, tokens=(*LINES, *SYNTAX))
def offline_match(data: bytes) -> None:
    half = len(data) // 2
    fields = {"id": 1, "query": text_of(data[:half]), "text": text_of(data[half:]), "title": text_of(data)}
    honest = json.dumps(fields).encode("ascii")
    _check_answers(match_lines([*data[:half].split(b"\n"), honest], [*data[half:].split(b"\n"), honest]))


@target("extract_lines", seeds=naughty, tokens=(*LINES, b'"file":"/', b'"file":"/dev', b'"file":"\\u0000'))
def offline_extract(data: bytes) -> None:
    lines = [
        *data.decode("utf-8", "surrogateescape").split("\n"),
        json.dumps({"file": text_of(data)[:200].replace("/", ""), "url": None}),
    ]
    _check_answers(extract_batch(line for line in lines if "/dev" not in line))


def _dev(answer: Callable[..., dict[str, object]], fields: Callable[[bytes], dict[str, object]]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        lines = [*data.split(b"\n"), json.dumps(fields(data)).encode("ascii")]
        _check_answers(_answered(answer, line) for line in lines if line.strip())

    return run


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


_DEV: dict[str, Callable[[bytes], dict[str, object]]] = {
    "feed": lambda data: {"data": _coded(data), "url": text_of(data[:60]), "content_type": text_of(data[:30])},
    "robots": lambda data: {"data": _coded(data), "agent": text_of(data[:20]), "url": text_of(data)},
    "url": lambda data: {"url": text_of(data), "base": text_of(data[:9]) or None},
    "charset": lambda data: {"data": _coded(data), "content_type": text_of(data[:40])},
    "sign": lambda data: {
        "secret": text_of(data[:40]),
        "id": text_of(data),
        "timestamp": text_of(data[:5]),
        "payload": text_of(data),
    },
    "guard": lambda data: {"url": "http://127." + text_of(data)},
}
for _name, _fields in _DEV.items():
    target(f"dev_{_name}", seeds=naughty, tokens=LINES)(_dev(getattr(plumbing, _name), _fields))


@target("token", seeds=lambda: [unsubscribe.make("s", "c", "w").encode()], tokens=(b"-", b"_", b"=", b"+", b"/", b"A" * 40))
def token(data: bytes) -> None:
    """An unsubscribe token that we did not make is refused; one that we made for anybody is read as made."""
    channel, watch = text_of(data).replace("\n", "").encode("utf-8", "replace").decode(), "w1"
    assert unsubscribe.read("s3cret", unsubscribe.make("s3cret", channel, watch)) == (channel, watch)
    try:
        unsubscribe.read("s3cret", text_of(data))
    except Rejected as error:
        check_sentence(str(error))
    else:
        raise AssertionError("a token of somebody else's was taken")


@target("level_of_errors", seeds=naughty, tokens=SYNTAX)
def errors(data: bytes) -> None:
    """A query's error names a place inside it."""
    typed = text_of(data)
    try:
        parse(typed)
    except CopytasterError as error:
        position = getattr(error, "position", 1)
        assert 1 <= position <= len(typed) + 1
