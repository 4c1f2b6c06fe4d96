"""Acronyms of names: which fit, in several alphabets, and which words only look like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import names
from search.acronyms import fits, is_acronym, ways
from search.beside_words import SMALL

FITS = [
    ("HTS", "Hayat Tahrir al-Sham"),
    ("HTaS", "Hayat Tahrir al-Sham"),
    ("H.T.S.", "Hayat Tahrir al-Sham"),
    ("H. T. S.", "Hayat Tahrir al-Sham"),
    ("HTŞ", "Heyet Tahrir eş-Şam"),
    ("KH", "Kata'ib Hizballah"),
    ("K-H", "Kataib Hezbollah"),
    ("17N", "17 November"),
    ("IRGC", "Islamic Revolutionary Guard Corps"),
    ("ISIL", "Islamic State of Iraq and the Levant"),
    ("AfD", "Alternative für Deutschland"),
    ("PKK", "Partiya Karkerên Kurdistanê"),
    ("N17", "November 17"),
    ("ХТШ", "Хайят Тахрир аш-Шам"),
    ("ХТШ", "Hayat Tahrir al-Sham"),
    ("HTS", "Хайят Тахрир аш-Шам"),
    ("ЧВК", "частная военная компания"),
    ("داعش", "الدولة الإسلامية في العراق والشام"),
    ("هتش", "هيئة تحرير الشام"),
    ("ه.ت.ش", "هيئة تحرير الشام"),
    ('צה"ל', "צבא הגנה לישראל"),
    ("צה״ל", "צבא הגנה לישראל"),
    ("ΚΚΕ", "Κομμουνιστικό Κόμμα Ελλάδας"),
]
NOT = [
    ("HTS", "Kataib Hezbollah"),
    ("HT", "Hayat Tahrir al-Sham"),
    ("HTSX", "Hayat Tahrir al-Sham"),
    ("hts", "Hayat Tahrir al-Sham"),
    ("Hts", "Hayat Tahrir al-Sham"),
    ("US", "Kataib Hezbollah"),
    ("F", "Fatemiyoun"),
    ("FA", "Fatemiyoun"),
    ("KH said", "Kataib Hezbollah"),
    ("كح", "كتائب حزب"),
    ("حزب", "حركة تحرير الشام"),
    ("ХТШ", "Катаиб Хезболла"),
    ("", "Kataib Hezbollah"),
    ("()", "Kataib Hezbollah"),
]


def words(name):
    return names.normal(name).split()


@pytest.mark.parametrize(("short", "name"), FITS)
def test_initials_are_an_acronym(short, name):
    assert any(fits(short, way, SMALL) for way in ways(name))


@pytest.mark.parametrize(("short", "name"), NOT)
def test_other_letters_are_none(short, name):
    assert not fits(short, words(name))


def test_a_small_word_may_be_left_out_or_not():
    assert fits("UL", ["university", "of", "london"])
    assert fits("UoL", ["university", "of", "london"])
    assert not fits("UX", ["university", "chez", "x"])
    assert fits("UX", ["university", "chez", "x"], {"chez"})


@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=8), max_size=5))
def test_any_text_is_taken(short, name):
    assert not (fits(short, words(" ".join(name))) and not is_acronym(short))
