"""What an index holds of printed names: whatever the stream can find by its keys, a name asks the index for."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.document import Document
from search.name_index import in_normal_form, keys_of, spellings
from search.name_keys import VERSION, asked_under, indexed_under, kept_under, looked_for_under
from search.name_parts import Name
from search.name_words import word_of
from search.sqlite_spellings import Spellings

LETTERS = "abcdefghijklmnopqrstuvwxyz'абвгдежзийклмнопрстуфхцчшщьюяабتثجحخدذرزسشصضطعغفقکلمنهویαβγδεζηθאבגדה0123456789"
WORDS = st.one_of(
    st.text(LETTERS, min_size=1, max_size=9),
    st.text(min_size=1, max_size=6),
    st.sampled_from(["bank", "банк", "центр", "hezbollah", "fatemiyoun", "فاطميون", "2024", "ayo", "уо"]),
).map(word_of)


@st.composite
def near_words(draw):
    """Two words of which one is the other with a letter or two changed: those that only just meet."""
    first = draw(st.text("bdfgklmnrstajw", min_size=1, max_size=8))
    second = list(first)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(second)))
        second[at : at + draw(st.integers(0, 1))] = draw(st.text("bdfgklmnrsta", max_size=1))
    return word_of(first), word_of("".join(second) or "b")


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.tuples(WORDS, WORDS), near_words()))
def test_a_printed_word_that_asks_for_a_watched_one_is_found_by_it_in_an_index(pair):
    watched, printed = pair
    meets = not asked_under(printed).isdisjoint(kept_under(watched))
    assert not meets or not indexed_under(printed).isdisjoint(looked_for_under(watched))


@pytest.mark.slow
def test_every_word_of_many_names_is_found_by_every_word_that_it_asks_for(corpora):
    cases = [json.loads(line) for line in (corpora / "names/dev.jsonl").read_text("utf-8").splitlines()]
    told = {word for case in cases for form in (case["watch"], *case["positives"]) for word in Document(text=form).text.split()}
    held = [text for form in told for text in spellings(Document(text=form.title()))]
    words = [word_of(text.partition("/")[0]) for text in held if " " not in text]
    under = {}
    for printed in words:
        for key in indexed_under(printed):
            under.setdefault(key, set()).add(printed.text)
    asking = {}
    for printed in words:
        for key in asked_under(printed):
            asking.setdefault(key, set()).add(printed.text)
    watched = {unit.word.text: unit.word for case in cases for unit in Name(case["watch"].lower().split()).units}
    for word in watched.values():
        wanted = {text for key in kept_under(word) for text in asking.get(key, ())}
        found = {text for key in looked_for_under(word) for text in under.get(key, ())}
        assert wanted <= found


def test_a_word_with_marks_is_held_as_it_sounds_and_as_the_index_has_it():
    held = spellings(Document(text="In Čorum and Karadż."))
    assert {"chorum/corum", "karadzh/karadz", "in chorum/corum"} <= set(held)
    assert in_normal_form("in chorum/corum") == ("in", "corum")


def test_what_may_be_of_a_name_is_held_with_what_may_be_read_as_one():
    held = spellings(Document(title="Hizb Allah", text="We saw the Abd al-Rahman family, Kata'ib and 12 others. Then"))
    assert {"hizb", "allah", "hizb allah", "abd al rahman", "then", "12"} <= set(held)
    assert "saw" not in held
    assert "12 then" not in held


@settings(deadline=None)
@given(st.text("Abd al-Hizb'. ,\nшЩاب漢한1½ß", max_size=40))
def test_the_keys_of_a_spelling_can_be_told_from_it_alone(text):
    for spelled, keys in spellings(Document(text=text)).items():
        assert keys <= keys_of(spelled)


def test_an_index_with_other_keys_is_of_another_version():
    """Where this fails, raise ``search.name_keys.VERSION``, so that indexes are made anew, and put the new digest here."""
    words = (
        "fatemiyoun hezbollah jaysh wagner chechen schwarz путина зеленського فاطميون والبغداد נתניהו παπαδοπουλου bank 2024 ayo"
        " tabukas митхат siarhei mikalaevich nadzaf"
    )
    text = "On Monday the Kata'ib Hizb Allah of New York, 31st of all, and in the al-Mahdi Ch'un-so'ng of Санкт Петербург left."
    told = repr([(word, sorted(indexed_under(word_of(word)))) for word in words.split()])
    told += repr(sorted((spelled, sorted(keys)) for spelled, keys in spellings(Document(text=text)).items()))
    assert (VERSION, hashlib.sha256(told.encode()).hexdigest()[:12]) == (2, "5b00b7102ea5")


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.sampled_from(["Çorum", "Abd", "al", "-", "Hizb", "Bank", "2024", "Iwanow", "Ō", "’", ". "]), min_size=1, max_size=9
    )
)
def test_sqlite_gives_back_each_spelling_as_it_got_it(pieces):
    document = Document(text=" ".join(pieces))
    told = spellings(document)
    with closing(sqlite3.connect(":memory:")) as connection:
        table = Spellings("search_spellings")
        table.make(connection)
        table.put(connection, 1, document)
        assert set(table.under(connection, {key for keys in told.values() for key in keys})) == set(told)
        table.delete(connection, 1, document)
        assert set(table.under(connection, {key for keys in told.values() for key in keys})) == set()
