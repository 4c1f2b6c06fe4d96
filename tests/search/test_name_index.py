"""What an index holds of printed names: whatever the stream can find by its keys, a name asks the index for."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.document import Document
from search.name_index import keys_of, spellings
from search.name_keys import asked_under, indexed_under, kept_under, looked_for_under
from search.name_parts import Name
from search.name_words import word_of

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


@settings(max_examples=1_000, deadline=None)
@given(st.one_of(st.tuples(WORDS, WORDS), near_words()))
def test_a_printed_word_that_asks_for_a_watched_one_is_found_by_it_in_an_index(pair):
    watched, printed = pair
    meets = not asked_under(printed).isdisjoint(kept_under(watched))
    assert not meets or not indexed_under(printed).isdisjoint(looked_for_under(watched))


@pytest.mark.slow
def test_every_word_of_many_names_is_found_by_every_word_that_it_asks_for(corpora):
    cases = [json.loads(line) for line in (corpora / "names/dev.jsonl").read_text("utf-8").splitlines()]
    told = {word for case in cases for form in (case["watch"], *case["positives"]) for word in Document(text=form).text.split()}
    words = [word_of(text) for form in told for text in spellings(Document(text=form.title())) if " " not in text]
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
