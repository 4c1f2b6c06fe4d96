"""Letters of any alphabet to Latin ones and to sounds, and how far apart two words sound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.text import fold
from search.alike import INFINITE, apart, cost
from search.name_words import word_of
from search.sounds import romanised, script_of, sounds

READ = {
    "فاطمیون": "fatmywn", "كتائب": "ktayb", "Путин": "putin", "Зеленський": "zelenskii", "Шойгу": "shoigu", "Харків": "kharkiv",
    "Ђоковић": "djokovich", "Благоевград": "blagoevgrad", "נתניהו": "ntnyhw", "Μητσοτάκης": "mitsotakis",
    "Παπανδρέου": "papandreu", "Երևան": "erevan", "თბილისი": "tbilisi", "Қазақстан": "qazaqstan", "Kataib": "kataib",
}  # fmt: skip
WORDS = st.text("aeiouywhbcdfgjklmnpqrstvxz", min_size=1, max_size=9)


@pytest.mark.parametrize(("printed", "read"), READ.items())
def test_every_alphabet_is_read_in_latin_letters(printed, read):
    assert romanised(fold(printed)) == read


@pytest.mark.parametrize(
    ("one", "two"),
    [("Khartoum", "Хартум"), ("Shoigu", "Шойгу"), ("Dzhokhar", "Джохар"), ("Giorgos", "Γιώργος"), ("Tskhinvali", "Цхинвали")],
)
def test_spellings_of_one_sound_are_near(one, two):
    first, second = sounds(fold(one)), sounds(fold(two))
    assert apart(first, second).cost / len(first) < 0.15


def test_a_latin_letter_inside_a_cyrillic_word_is_read_as_its_neighbours_are():
    assert romanised(fold("Aскон")) == romanised(fold("Аскон")) == "askon"  # the first begins with a Latin A


@given(WORDS, WORDS)
def test_the_quick_cost_is_that_of_the_way_that_is_told(one, two):
    first, second = sounds(one), sounds(two)
    way = apart(first, second)
    assert cost(first, second, INFINITE) == pytest.approx(way.cost)
    assert cost(first, second, way.cost + 1e-6) == pytest.approx(way.cost)
    assert cost(first, second, way.cost / 2) == (0 if not way.cost else INFINITE)
    assert way.hard <= way.cost + 1e-9


@given(WORDS, WORDS)
def test_a_way_costs_the_same_in_both_directions(one, two):
    first, second = sounds(one), sounds(two)
    assert apart(first, second).cost == pytest.approx(apart(second, first).cost)
    assert apart(first, first).cost == 0


@given(st.text(min_size=1, max_size=12))
def test_any_word_of_any_text_can_be_read(text):
    for word in fold(text).split():
        made = word_of(word)
        assert made.forms
        assert all(form.size >= 1 and form.bare >= 1 for form in made.forms)
        assert script_of(word) == made.script


@pytest.mark.parametrize(
    ("printed", "name"),
    [("Путина", "путин"), ("Путиным", "путин"), ("Зеленського", "зеленськии"), ("Зеленскому", "зеленскии"), ("Москвы", "москва"),
     ("وبغداد", "بغداد"), ("بالقاهرة", "قاهره"), ("ובירושלים", "ירושלים"), ("Παπαδόπουλου", "παπαδοπουλος")]
)  # fmt: skip
def test_a_declined_name_is_read_as_the_name(printed, name):
    assert sounds(name) in {form.sounds for form in word_of(fold(printed)).forms}
