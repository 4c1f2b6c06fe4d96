"""The watch language: how it is read, printed, refused, and what it means."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copytaster.errors import Rejected
from search.query import MOST_DEPTH, MOST_WORDS, QueryError, literal, parse
from search.tree import And, Not, Or, Phrase, evaluate, only_excludes, plain

NAUGHTY = Path(__file__).parents[2].parent / "shared/corpora/strings/blns.json"

WORDS = st.sampled_from(["kataib", "Hezbollah", "فاطميون", "中国", "O'Brien", "AND", "x1"])


@st.composite
def terms(draw):
    typed = " ".join(draw(st.lists(WORDS, min_size=1, max_size=3)))
    found = literal(typed).words
    prefix = draw(st.booleans()) and found[-1].isascii() and len(found[-1]) > 1
    field = draw(st.sampled_from([None, "title", "source", "lang", "author"]))
    return Phrase(found, typed, field, draw(st.sampled_from([0, 0, 5])), prefix, draw(st.booleans()))


def joined(parts):
    return st.one_of(
        st.builds(Not, parts),
        st.builds(flat, st.sampled_from([And, Or]), st.lists(parts, min_size=2, max_size=3)),
    )


def flat(kind, parts):
    return kind(tuple(node for part in parts for node in (part.parts if isinstance(part, kind) else (part,))))


TREES = st.recursive(terms(), joined, max_leaves=8)


@settings(deadline=None)
@given(TREES)
def test_a_printed_query_reads_as_the_same_tree(tree):
    if only_excludes(tree):
        with pytest.raises(QueryError):
            parse(str(tree))
    else:
        assert parse(str(tree)).tree == tree


@settings(deadline=None)
@given(TREES, st.data())
def test_not_moved_to_the_terms_means_the_same(tree, data):
    held = data.draw(st.lists(st.booleans(), min_size=20, max_size=20))

    def holds(phrase):
        return held[hash((phrase.words, phrase.field)) % 20]

    assert evaluate(plain(tree), holds) == evaluate(tree, holds)


@settings(deadline=None)
@given(st.text(st.one_of(st.sampled_from("ab\"“”«»()~*=-!+|&:' ?^ORNTD中"), st.characters()), max_size=40))
def test_any_text_is_read_or_refused_in_a_sentence(text):
    try:
        query = parse(text)
    except QueryError as error:
        refused = error
    else:
        assert parse(str(query)).tree == query.tree
        assert not only_excludes(query.tree)
        return
    assert 1 <= refused.position <= len(text) + 1
    assert str(refused).startswith(f"At character {refused.position}: ")
    assert str(refused).endswith((".", "5."))


def test_words_are_joined_by_and_which_binds_closer_than_or():
    query = parse("a b OR c NOT d")
    assert isinstance(query.tree, Or)
    assert str(query) == "a AND b OR c AND NOT d"
    assert any("(a AND b) OR (c AND NOT d)" in hint for hint in query.hints)


def test_all_of_a_term_is_read():
    (term,) = parse('title:="Kataib Hez*"~3').terms
    assert term == Phrase(("kataib", "hez"), "Kataib Hez", "title", 3, prefix=True, exact=True)
    assert term.position == 8


def test_a_field_may_stand_before_a_group():
    assert str(parse("title:(a OR b) c")) == "(title:a OR title:b) AND c"


@pytest.mark.parametrize("typed", ["Kata'ib", "al-Sham", "中国", "AT&T", 'צה"ל', "12:30"])
def test_a_word_that_the_tokenizer_parts_becomes_a_phrase(typed):
    (term,) = parse(typed).terms
    assert len(term.words) == 2


@pytest.mark.parametrize("query", ["“Kataib Hezbollah”", "„Kataib Hezbollah“", "«Kataib Hezbollah»"])
def test_printed_quotes_are_quotes(query):
    assert parse(query).tree == parse('"Kataib Hezbollah"').tree


@pytest.mark.parametrize(
    ("query", "same", "hint"),
    [
        ("a -b", "a NOT b", "- is read as NOT."),
        ("a !b", "a NOT b", "! is read as NOT."),
        ("a && b", "a b", "&& is read as AND."),
        ("a || b", "a OR b", "|| is read as OR."),
        ("+a +b", "a b", None),
        ("Kataib Hezbollah", "Kataib AND Hezbollah", 'If they belong together, write "Kataib Hezbollah".'),
        ("حزب الله", "حزب AND الله", 'write "حزب الله"'),
        ("cats or dogs", '"cats" AND "or" AND "dogs"', "Write OR for the operator."),
        ("中国*", "中国", "read by character"),
    ],
)
def test_what_was_probably_meant_is_hinted(query, same, hint):
    read = parse(query)
    assert [term.words for term in read.terms] == [term.words for term in parse(same).terms]
    assert hint is None or any(hint in said for said in read.hints)


@pytest.mark.parametrize("query", ["a b", "Kataib AND Hezbollah", '"Kataib Hezbollah"', "al-Sham -x"])
def test_no_hint_says_that_a_phrase_was_meant_where_none_was(query):
    assert not any("belong together" in hint for hint in parse(query).hints)


@pytest.mark.parametrize(
    ("query", "position", "repair"),
    [
        ("", 1, "Write a word"),
        ('Iran AND "Kataib', 10, 'Add a " at the end'),
        ("(a OR b", 1, "Add a )"),
        ("a)", 2, "Remove it"),
        ("a ()", 3, "Write a word there"),
        ("OR a", 1, "Add one, or remove OR"),
        ("a OR", 5, "Add a word after it"),
        ("a AND OR b", 7, "Add one"),
        ("NOT a", 1, "Say what must be there"),
        ("a OR NOT b", 1, "only excludes"),
        ("foo:bar", 1, 'put the words in "quotes"'),
        ("title:", 7, "Add a word"),
        ("title:lang:fa", 7, "Close the parenthesis"),
        ("a*", 1, "two letters"),
        ("*", 1, "Write the beginning"),
        ("w*rd", 2, "at the end of a word"),
        ('"a* b"', 3, "at the end of the last word"),
        ("word~2", 5, "after a phrase"),
        ('"a b"~', 1, '"a b"~5'),
        ('"a b"~1000', 1, "1 to 100"),
        ("word^2", 5, "Remove it"),
        ("wom?n", 4, "OR between them"),
        ("😀", 1, "no letters or digits"),
        ("a = b", 3, "no letters or digits"),
        ("a”", 2, "Remove it"),
    ],
)
def test_an_error_names_the_position_and_a_repair(query, position, repair):
    with pytest.raises(QueryError, match=f"^At character {position}: ") as caught:
        parse(query)
    assert repair in str(caught.value)
    assert isinstance(caught.value, Rejected)
    assert caught.value.reason == "query"


def test_what_would_cost_too_much_is_refused():
    assert parse(" ".join(["word"] * MOST_WORDS))
    for query in (" ".join(["word"] * (MOST_WORDS + 1)), f'"{"中" * (MOST_WORDS + 1)}"', "a" * 60_000):
        with pytest.raises(QueryError, match="Split it"):
            parse(query)
    assert parse("(" * MOST_DEPTH + "a" + ")" * MOST_DEPTH)
    for query in ("(" * 21 + "a" + ")" * 21, "a " + "NOT " * 5_000 + "b", "(" * 40_000):
        with pytest.raises(QueryError, match="nested deeper"):
            parse(query)


def test_aliases_satisfy_the_query_as_a_whole():
    assert str(parse("a b").or_forms(["H.T.S."])) == 'a AND b OR "H.T.S."'
    with pytest.raises(QueryError):
        parse("a").or_forms(["…"])


def test_naughty_strings_are_read_or_refused():
    if not NAUGHTY.exists():
        pytest.skip(f"the corpus of naughty strings is not at {NAUGHTY}")
    read = 0
    for text in json.loads(NAUGHTY.read_text("utf-8")):
        for query in (text, f'"{text}"', f"title:{text}", f"={text}*", f"a NOT ({text})"):
            try:
                parsed = parse(query)
            except QueryError:
                continue
            assert parse(str(parsed)).tree == parsed.tree
            read += 1
    assert read > 500
