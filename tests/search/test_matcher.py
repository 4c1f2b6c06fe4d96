"""The matcher: the truth of brute force, with places, incrementally, and without looking at every watch."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.anchors import LEARNED_FROM
from search.brute import brute_match, brute_places
from search.document import Document, Page, source_line
from search.hits import MOST_HITS, find
from search.matcher import Matcher, Verifier
from search.query import QueryError, parse
from search.tree import Phrase, only_excludes

NAUGHTY = Path(__file__).parents[2].parent / "shared/corpora/strings/blns.json"

WORDS = ["ant", "bee", "antler", "Ant", "ÁNT", "中国", "中", "o'bee", "فاطميون"]
TEXTS = st.lists(st.sampled_from([*WORDS, "\n", "—", "…", "x"]), max_size=9).map(" ".join)
DOCUMENTS = st.builds(
    Document,
    title=TEXTS,
    text=TEXTS,
    language=st.sampled_from([None, "en", "fa-IR"]),
    source=st.sampled_from(["", "Ant News (ant.example)"]),
    author=st.sampled_from(["", "Bee Ant, X"]),
)


@st.composite
def queries(draw, depth=2):
    kind = draw(st.sampled_from(["term", "term", "AND", "OR", "NOT"])) if depth else "term"
    if kind == "NOT":
        return f"NOT ({draw(queries(depth=depth - 1))})"
    if kind != "term":
        parts = draw(st.lists(queries(depth=depth - 1), min_size=2, max_size=3))
        return "(" + f" {kind} ".join(parts) + ")"
    words = " ".join(draw(st.lists(st.sampled_from([*WORDS, "an", "be"]), min_size=1, max_size=3)))
    star = draw(st.sampled_from(["", "", "*"]))
    slop = draw(st.sampled_from(["", "", "~1", "~3"]))
    return f'{draw(st.sampled_from(["", "", "", "title:", "source:", "author:"]))}"{words}{star}"{slop}'


def readable(text):
    try:
        return parse(text)
    except QueryError:
        return None


QUERIES = st.one_of(queries(), st.sampled_from(["lang:fa", 'lang:"fa ir" ant', "lang:f*  ant"])).map(readable).filter(bool)


@settings(max_examples=300, deadline=None)
@given(st.lists(QUERIES, min_size=1, max_size=6), st.lists(DOCUMENTS, min_size=1, max_size=3))
def test_it_finds_what_brute_force_finds(watched, documents):
    matcher = Matcher()
    held = {str(number): query for number, query in enumerate(watched)}
    for watch_id, query in held.items():
        matcher.add(watch_id, query)
    for document in documents:
        found = matcher.match(document)
        assert {watch.watch_id for watch in found} == brute_match(document, held)
        assert [watch.watch_id for watch in found] == sorted(watch.watch_id for watch in found)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), st.booleans(), DOCUMENTS)
def test_every_place_of_a_phrase_is_a_hit(words, star, document):
    query = readable(f'"{" ".join(words)}{"*" if star else ""}"')
    if query is None or only_excludes(query.tree):
        return
    (phrase,) = query.terms
    hits = find(Page(document), [phrase])
    assert [(hit.field, hit.start, hit.end) for hit in hits] == brute_places(document, phrase)
    for hit in hits:
        assert hit.printed == getattr(document, hit.field)[hit.start : hit.end]
        assert hit.score == 1
        assert hit.printed in hit.why


def one(query, **document):
    return Verifier(parse(query)).hits(Document(**document))


def test_hits_are_told_by_field_and_place_and_kind():
    hits = one("Fatemiyoun", title="FATEMIYOUN return", text="The Fatemiyoun — fatemiyoun’s men")
    assert [(hit.field, hit.start, hit.printed, hit.kind) for hit in hits] == [
        ("title", 0, "FATEMIYOUN", "folded"),
        ("text", 4, "Fatemiyoun", "exact"),
        ("text", 17, "fatemiyoun", "folded"),
    ]
    assert hits[1].why == "“Fatemiyoun” is printed just as you wrote it."


def test_phrases_run_over_paragraphs_but_not_from_title_to_text():
    assert one('"kataib hezbollah"', text="Kataib\nHezbollah")
    assert one('"kataib hezbollah"', title="Kataib", text="Hezbollah") is None
    assert one('"kataib hezbollah"~9', title="Kataib", text="Hezbollah") is None


def test_near_words_stand_in_any_order_with_so_many_others_between():
    assert [hit.printed for hit in one('"a b"~2', text="b x y a z b")] == ["b x y a"]
    assert one('"a b"~2', text="a x y z b") is None
    assert one('"a a"~2', text="a b c") is None
    assert [hit.printed for hit in one('"a b"~5', text="a x a b q")] == ["a b"]


def test_what_is_excluded_is_no_hit_and_neither_is_a_branch_that_failed():
    hits = one("ant OR (bee NOT wasp)", text="ant bee wasp")
    assert [hit.printed for hit in hits] == ["ant"]
    assert one("ant NOT bee", text="ant bee") is None


def test_a_source_is_found_by_name_and_host_and_a_language_without_its_region():
    document = Document(text="ant", source=source_line("BBC News", "https://www.bbc.co.uk/x"), language="fa-IR")
    (hit,) = Verifier(parse("source:bbc.co.uk")).hits(document)
    assert hit.printed == "bbc.co.uk"
    assert hit.field == "source"
    assert Verifier(parse("lang:fa")).hits(document) == ()
    assert Verifier(parse("bbc")).hits(document) is None


def test_a_source_line_is_made_of_any_url():
    assert source_line("A", "http://[") == "A"
    assert source_line("", "https://a.example/") == "a.example"


def test_an_alias_fires_and_a_veto_does_not():
    matcher = Matcher()
    matcher.add("w", parse("Fatemiyoun lang:fa"), aliases=["H.T.S."], vetoes=["h t s brigade", "FATIMI"])
    matcher.add("v", parse("ant*"), vetoes=["antler"])
    assert [found.watch_id for found in matcher.match(Document(text="the HTS"))] == []
    assert [found.watch_id for found in matcher.match(Document(text="the H.T.S."))] == ["w"]
    assert matcher.match(Document(text="Antler")) == []
    (found,) = matcher.match(Document(text="Antler, ants"))
    assert [hit.printed for hit in found.hits] == ["ants"]


def test_a_veto_never_lets_through_what_the_query_excludes():
    assert Verifier(parse("ant NOT bee"), vetoes=["bee"]).hits(Document(text="ant bee")) is None


def test_watches_come_go_and_change():
    matcher = Matcher()
    article = Document(text="ant bee", source="x")
    for watch_id, query in {"a": "ant", "b": '"ant bee" OR wasp', "p": "an*", "s": "source:x", "l": "ant NOT bee"}.items():
        matcher.add(watch_id, parse(query))
    assert [found.watch_id for found in matcher.match(article)] == ["a", "b", "p", "s"]
    matcher.add("a", parse("wasp"))
    matcher.remove("b")
    matcher.remove("nobody")
    assert [found.watch_id for found in matcher.match(article)] == ["p", "s"]
    for watch_id in ("a", "p", "s", "l"):
        matcher.remove(watch_id)
    assert len(matcher) == 0
    assert matcher.match(article) == []
    assert not matcher._under
    assert not matcher._beginnings
    assert not matcher._field_keys


def test_a_watch_moves_away_from_a_word_that_turns_out_to_be_common():
    """By its length "government-like" looks rare; after a lesson it is known to be in every article."""
    matcher = Matcher()
    matcher.add("w", parse("ubiquitousword AND rare"))
    assert matcher._watches["w"].keys == ("ubiquitousword",)
    for _ in range(LEARNED_FROM):
        matcher.match(Document(text="ubiquitousword"))
    assert matcher._watches["w"].keys == ("rare",)
    assert [found.watch_id for found in matcher.match(Document(text="rare ubiquitousword"))] == ["w"]


def test_only_candidates_are_looked_at():
    matcher = Matcher()
    for number in range(1_000):
        matcher.add(str(number), parse(f'"name{number} of" OR (the AND other{number})'))
    looked_at = matcher._candidates(Page(Document(text="the name7 and other9 of it")))
    assert {held.id for held in looked_at} == {"7", "9"}


def test_hits_are_bounded():
    assert len(one("ant OR bee", text="ant bee " * 200)) == MOST_HITS


def test_a_tree_that_requires_nothing_is_not_held():
    assert only_excludes(parse("a NOT b").tree.parts[1])
    assert isinstance(parse("a").tree, Phrase)


def test_naughty_strings_match_themselves():
    if not NAUGHTY.exists():
        pytest.skip(f"the corpus of naughty strings is not at {NAUGHTY}")
    matched = 0
    for text in json.loads(NAUGHTY.read_text("utf-8")):
        query = readable('"' + text.replace('"', " ").replace("*", " ") + '"')
        if query is not None:
            assert Verifier(query).hits(Document(title=text))
            assert Verifier(query).hits(Document(text=f"x {text} y"))
            matched += 1
    assert matched > 300
