"""The tokenizer: what a word is, which letters are the same, and that places hold for any string."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copytaster.text import Placed, analyzed, by_character, fold, spans, words

NAUGHTY = Path(__file__).parents[2].parent / "shared/corpora/strings/blns.json"

# Letters that take part in some rule, so that Hypothesis meets them together.
TRICKY = (
    "aZß İıłŁéё\u0301\u0308йʼʻʾ'’пя_-\u200c\u200d\u00ad\ufeff中国がカ\uff76\uff9e"
    "น้ำ½ﷺكکيیىةهأٱـ\u064b٣۳٣हिन्दी한\u1112\x00\ud800\U0001f600"
)
ANY_TEXT = st.text(st.one_of(st.sampled_from(TRICKY), st.characters()), max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Iran's l'Iran l’Iran", ["iran", "s", "l", "iran", "l", "iran"]),
        ("Katāʾib ʿAlī Hawaiʻi", ["kataib", "ali", "hawaii"]),
        ("п'ять п’ять пʼять", ["п", "ять"] * 3),
        ("al-Sham foo_bar می‌خواهم", ["al", "sham", "foo", "bar", "می", "خواهم"]),
        ("İstanbul ISTANBUL ıstanbul", ["istanbul"] * 3),
        ("Straße STRASSE Łódź Ørsted Đoković Ærø", ["strasse", "strasse", "lodz", "orsted", "dokovic", "aero"]),
        ("Ёлка Йод", ["елка", "иод"]),
        ("كتائب کتایب كتــائب حِزْبُ", ["کتایب", "کتایب", "کتایب", "حزب"]),
        ("علي على علی فاطمة فاطمه", ["علی", "علی", "علی", "فاطمه", "فاطمه"]),
        ("١٢٣ ۱۲۳ 123", ["123", "123", "123"]),
        ("中国人 abc中", ["中", "国", "人", "abc", "中"]),
        ("ガｶﾞが", ["ガ", "ガ", "が"]),
        ("so\u00adft \ufeffBOM", ["soft", "bom"]),
        ("½ ﷺ x²", ["1", "2", "صلی", "الله", "علیه", "وسلم", "x2"]),
        ("😀 — … \x00 \ud800", []),
    ],
)
def test_words_are_parted_and_folded(text, expected):
    assert words(text) == expected


def test_vowel_signs_of_indic_scripts_and_the_voicing_of_kana_are_letters():
    assert fold("की") != fold("कि")
    assert fold("か") != fold("が")


def test_digits_of_scripts_without_spaces_stay_one_number():
    assert words("๒๕๖๗") == ["2567"]


@settings(deadline=None)
@given(ANY_TEXT)
def test_places_hold_in_the_text_as_given(text):
    found = list(spans(text))
    assert [span.word for span in found] == words(text)
    for span in found:
        assert 0 <= span.start < span.end <= len(text)
        assert span.word in words(text[span.start : span.end])
    assert [span.start for span in found] == sorted(span.start for span in found)


@settings(deadline=None)
@given(ANY_TEXT)
def test_single_places_are_those_of_all_spans(text):
    placed = Placed(text)
    assert placed.joined == analyzed(text)
    assert [placed.place(number) for number in range(len(words(text)))] == [(s.start, s.end) for s in spans(text)]


@settings(deadline=None)
@given(ANY_TEXT)
def test_the_fold_is_settled(text):
    assert words(analyzed(text)) == words(text)


@settings(deadline=None)
@given(ANY_TEXT)
def test_how_a_text_was_normalised_makes_no_difference(text):
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_words_do_not_reach_over_blanks(left, right):
    assert words(f"{left}\n{right}") == words(left) + words(right)


def test_every_character_folds_to_words_that_an_index_splitting_at_blanks_keeps():
    for code in (*range(0x3400), *range(0x9F00, 0xAC20), *range(0xF900, 0x18000), *range(0x1AF00, 0x20000), 0x2F800):
        folded = analyzed(chr(code))
        assert analyzed(folded) == folded, hex(code)
        assert all(char == " " or not char.isascii() or char.isalnum() for char in folded), hex(code)
        assert all(char == " " or char.isalnum() or unicodedata.category(char)[0] == "M" for char in folded), hex(code)


def test_a_long_run_is_folded_and_not_kept():
    assert words("A" * 100_000) == ["a" * 100_000]


def test_scripts_by_character_are_told():
    assert by_character("中")
    assert by_character("ก")
    assert not by_character("a")
    assert not by_character("한")


def test_naughty_strings_do_no_harm():
    if not NAUGHTY.exists():
        pytest.skip(f"the corpus of naughty strings is not at {NAUGHTY}")
    for text in json.loads(NAUGHTY.read_text("utf-8")):
        assert [span.word for span in spans(text)] == words(text)
