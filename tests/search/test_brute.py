"""Brute force finds what the stream finds: the same names in the same texts, by another path."""

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import name_held, name_keys, name_table
from search.brute import Asked, Brute, brute_match
from search.brute_sounds import may_be_one
from search.document import Document
from search.matcher import Matcher
from search.name_words import word_of
from search.query import parse
from search.variants import name_of
from tests.search.test_variants import FIRES, FORMS, SILENT, carried

NAMES = [*FIRES, "Abdullah Ahmed Abdullah el Alfi", "Rahim Yar Khan", "Day Company", "Jablah", "Group Wagner", "Mac Hel"]
TEXTS = [
    *map(carried, FORMS),
    "Dey said so.",
    "کارخانه",
    "قال إن جولة المحادثات",
    "Abdullah Ahmed Abdullah was there.",
    "Wagner Group",
]


def stream(level, queries, document, **more):
    matcher = Matcher()
    for name, query in queries.items():
        matcher.add(name, parse(query), level=level, **more)
    return {found.watch_id for found in matcher.match(document)}


def brute(level, queries, document, **more):
    return Brute([Asked(name, parse(query), level, **more) for name, query in queries.items()]).match(document)


@pytest.mark.parametrize("level", ["exact", "strict", "wide"])
def test_names_are_found_where_the_stream_finds_them_and_nowhere_else(level):
    asked = {name: f'"{name}"' for name in NAMES}
    read = Brute([Asked(name, parse(query), level) for name, query in asked.items()])
    for text in TEXTS:
        document = Document(text=text)
        assert read.match(document) == stream(level, asked, document), text
    assert SILENT


def test_it_needs_no_table(monkeypatch):
    monkeypatch.setattr(name_table, "Names", None)
    assert brute("strict", {"w": '"Kataib Hezbollah"'}, Document(text=carried("Kata'ib Hizballah"))) == {"w"}


def test_it_shares_neither_keys_nor_anchors_with_the_stream():
    shared = ("search.name_keys", "search.name_table", "search.anchors", "search.matcher", "search.hits")
    for path in Path("search").glob("brute*.py"):
        imports = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.ImportFrom)]
        assert not {each.module for each in imports}.intersection(shared), path
        assert "needed" not in {name.name for each in imports for name in each.names}, path


def wrong_anchor(monkeypatch):
    """As if a name were looked for by a word that is none of its own."""
    needed = name_held.needed
    other = name_of(("shibboleth",)).units
    monkeypatch.setattr(name_held, "needed", lambda name: ([*other], needed(name)[1]))


def wrong_key(monkeypatch):
    """As if the table held words by the whole of their keys alone."""
    monkeypatch.setattr(name_keys, "_shorter", lambda key: [])
    name_keys._asked_under.cache_clear()


@pytest.mark.parametrize(
    ("fault", "name", "printed"),
    [(wrong_anchor, "Hayat Tahrir al-Sham", "Hayat Tahrir ash-Sham"), (wrong_key, "Yaroslavsky", "Yaroslavky")],
)
def test_what_the_stream_loses_by_a_wrong_anchor_or_key_is_found(fault, name, printed, monkeypatch):
    asked, document = {"w": f'"{name}"'}, Document(text=carried(printed))
    assert stream("wide", asked, document) == {"w"}
    with monkeypatch.context() as patch:
        fault(patch)
        assert stream("wide", asked, document) == set()
        assert brute("wide", asked, document) == {"w"}
    name_keys._asked_under.cache_clear()


@pytest.mark.parametrize(
    ("one", "two", "may_be"),
    [
        ("fatemiyoun", "fatimiyun", True),
        ("yaroslavsky", "yaroslavky", True),
        ("hezbollah", "хезболла", True),
        ("wahid", "vahid", True),
        ("hoceima", "hosseina", False),
        ("yaroslavsky", "yaroslavl", False),
    ],
)
def test_words_are_one_whose_consonants_differ_in_one_at_most(one, two, may_be):
    assert may_be_one(word_of(one), word_of(two)) is may_be
    assert may_be_one(word_of(two), word_of(one)) is may_be


@pytest.mark.parametrize(
    ("query", "vetoes"),
    [
        ('"Fatemiyoun"', ("Fatimiyun",)),
        ("Fatemiyoun OR officials", ("Fatimiyun",)),
        ("Fatemiyoun NOT Fatimiyun", ("Fatimiyun",)),
        ("title:Fatemiyoun", ()),
        ('"report named"~3 officials', ("report named",)),
        ("off*", ("officials",)),
    ],
)
@pytest.mark.parametrize("level", ["exact", "strict"])
def test_vetoes_fields_and_exclusions_mean_the_same(query, vetoes, level):
    for document in (Document(text=carried("Fatimiyun")), Document(title="Fatimiyun", text=carried("Fatemiyoun"))):
        asked = {"w": query}
        assert brute(level, asked, document, vetoes=vetoes) == stream(level, asked, document, vetoes=vetoes)


WORDS = st.sampled_from(["ant", "bee", "cat", "beetle", "be"])


@given(st.lists(WORDS, max_size=12), st.lists(WORDS, min_size=2, max_size=4), st.integers(1, 3), st.booleans())
@settings(max_examples=200, deadline=None)
def test_nearness_means_the_same(text, words, slop, prefix):
    query = f'"{" ".join(words)}{"*" if prefix else ""}"~{slop}'
    document = Document(text=" ".join(text))
    assert brute_match(document, {"w": parse(query)}) == stream("exact", {"w": query}, document)
