"""Other names beside a name: in parentheses, quotes, dashes and after known-as phrases, in several scripts; and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import names
from search.beside import beside

HTS, KH = "Hayat Tahrir al-Sham", "Kataib Hezbollah"
RU, AR, KH_AR = "Хайят Тахрир аш-Шам", "هيئة تحرير الشام", "كتائب حزب الله"
ISIS_AR = "الدولة الإسلامية في العراق والشام"
FOUND = [
    # parentheses after it
    (HTS, "Hayat Tahrir al-Sham (HTS) said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham（HTS）said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham's [HTS] men", {"HTS": "acronym"}),
    (HTS, "“Hayat Tahrir al-Sham” (H.T.S.) said", {"H.T.S": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham (“HTS”) said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham (the HTS) said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham (or HTS) said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham (هيئة تحرير الشام) said", {AR: "script"}),
    (HTS, "Hayat Tahrir al-Sham (\u202bهيئة تحرير الشام\u202c) said", {AR: "script"}),
    (HTS, "Hayat Tahrir al-Sham (Arabic: هيئة تحرير الشام; HTS) said", {AR: "script", "HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham (HTS, formerly Jabhat al-Nusra)", {"HTS": "acronym", "Jabhat al-Nusra": "known as"}),
    (HTS, "Hayat Tahrir al-Sham (ХТШ) заявила", {"ХТШ": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham (Организация освобождения Леванта) тоже", {"Организация освобождения Леванта": "script"}),
    (RU, "группировка «Хайят Тахрир аш-Шам» (ХТШ, запрещена в РФ)", {"ХТШ": "acronym"}),
    (RU, "группировка «Хайят Тахрир аш-Шам» (далее — ХТШ)", {"ХТШ": "acronym"}),
    (RU, "«Хайят Тахрир аш-Шам» (араб. هيئة تحرير الشام)", {}),
    (RU, "«Хайят Тахрир аш-Шам» (араб.: هيئة تحرير الشام)", {AR: "script"}),
    (RU, "«Хайят Тахрир аш-Шам» (также известная как «Джебхат ан-Нусра»)", {"Джебхат ан-Нусра": "known as"}),
    (AR, "قالت هيئة تحرير الشام (هتش) اليوم", {"هتش": "acronym"}),
    (AR, "قالت هيئة تحرير الشام (Hayat Tahrir al-Sham) اليوم", {HTS: "script"}),
    (AR, "قالت هيئة تحرير الشام (المعروفة سابقاً باسم جبهة النصرة) اليوم", {"جبهة النصرة": "known as"}),
    (ISIS_AR, "تنظيم الدولة الإسلامية في العراق والشام (داعش) قال", {"داعش": "acronym"}),
    ("צבא הגנה לישראל", 'צבא הגנה לישראל (צה"ל) הודיע', {'צה"ל': "acronym"}),
    ("حزب العمال الكردستاني", "حزب العمال الكردستاني (PKK) اليوم", {"PKK": "script"}),
    ("真主党", "黎巴嫩真主党（Hezbollah）说", {"Hezbollah": "script"}),
    ("ISIS", "ISIS (داعش) said", {"داعش": "script"}),
    ("HTS", "The HTS (Hayat Tahrir al-Sham) said", {HTS: "known as"}),
    (HTS, "the Hayat Tahrir al-Sham group (HTS) said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham, which is known as HTS, said", {"HTS": "acronym"}),
    (AR, "هيئة تحرير الشام المعروفة اختصاراً بـ HTS قالت", {"HTS": "acronym"}),
    # hereafter, quotes, dashes, commas
    (HTS, "Hayat Tahrir al-Sham (hereafter “HTS”) said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham (“HTS” hereafter) said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham, hereafter HTS, said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham “HTS” said", {"HTS": "acronym"}),
    (RU, "Хайят Тахрир аш-Шам «ХТШ» заявила", {"ХТШ": "acronym"}),
    (AR, "هيئة تحرير الشام «هتش» قالت", {"هتش": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham – HTS – said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham — هيئة تحرير الشام — said", {AR: "script"}),
    (HTS, "Hayat Tahrir al-Sham, HTS, said", {"HTS": "acronym"}),
    (HTS, "Hayat Tahrir al-Sham, H.T.S., said", {"H.T.S": "acronym"}),
    (HTS, "It was Hayat Tahrir al-Sham, or HTS", {"HTS": "acronym"}),
    # known as
    (KH, "The Kataib Hezbollah, also known as KH, left.", {"KH": "acronym"}),
    (KH, "The Kataib Hezbollah, a.k.a. Hezbollah Brigades, left.", {"Hezbollah Brigades": "known as"}),
    (KH, "Kataib Hezbollah, auch bekannt als Hisbollah-Brigaden, zog ab", {"Hisbollah-Brigaden": "known as"}),
    (KH, "Kataib Hezbollah, également connu sous le nom de Brigades du Hezbollah, part", {"Brigades du Hezbollah": "known as"}),
    (KH, "Kataib Hezbollah, también conocida como Brigadas de Hezbolá, dijo", {"Brigadas de Hezbolá": "known as"}),
    (HTS, "Hayat Tahrir al-Sham, formerly known as Jabhat al-Nusra, said", {"Jabhat al-Nusra": "known as"}),
    (HTS, "Hayat Tahrir al-Sham, also known as the “Levant Front”, said", {"Levant Front": "known as"}),
    (RU, "«Хайят Тахрир аш-Шам», более известная как «Джебхат ан-Нусра», ушла", {"Джебхат ан-Нусра": "known as"}),
    (AR, "قالت هيئة تحرير الشام، المعروفة باسم «جبهة النصرة»، اليوم", {"جبهة النصرة": "known as"}),
    (AR, "هيئة تحرير الشام، والمعروفة أيضاً باسم جبهة النصرة، قالت", {"جبهة النصرة": "known as"}),
    ("سپاه پاسداران", "سپاه پاسداران، معروف به «سپاه»، گفت", {"سپاه": "known as"}),
    # before it
    (HTS, "HTS (Hayat Tahrir al-Sham) said", {"HTS": "acronym"}),
    (HTS, "The group H.T.S. (“Hayat Tahrir al-Sham”) said", {"H.T.S": "acronym"}),
    (RU, "ХТШ («Хайят Тахрир аш-Шам») ушла", {"ХТШ": "acronym"}),
    (HTS, "هيئة تحرير الشام (Hayat Tahrir al-Sham) قالت", {AR: "script"}),
    (HTS, "قالت «هيئة تحرير الشام» (Hayat Tahrir al-Sham) اليوم", {AR: "script"}),
    (HTS, "группировка Хайят Тахрир аш-Шам (Hayat Tahrir al-Sham) ушла", {RU: "script"}),
    (KH, "The KH, also known as Kataib Hezbollah, left.", {"KH": "acronym"}),
    (KH, "The Hezbollah Brigades (also known as Kataib Hezbollah) left.", {"Hezbollah Brigades": "known as"}),
    ("HTS", "The rebels of Hayat Tahrir al-Sham (HTS) said", {HTS: "known as"}),
    # long before and after, on a line of its own
    (KH, f"{'word ' * 200}\nKataib Hezbollah (KH)\n{'word ' * 200}", {"KH": "acronym"}),
    (KH, "𝔘𝔫𝔦 😀 Ä́: Kataib Hezbollah (KH)", {"KH": "acronym"}),
]
NOTHING = [
    (KH, "Kataib Hezbollah (2019) said"),
    (KH, "Kataib Hezbollah (hereinafter “the Group”) said"),
    (KH, "Kataib Hezbollah fighters left (KB)"),
    (KH, "Kataib Hezbollah men (in Arabic رجال) left"),
    (KH, "Kataib Hezbollah (Iraq) said"),
    (KH, "Kataib Hezbollah (see below) said"),
    (KH, "Kataib Hezbollah (US) said"),
    (KH, "Kataib Hezbollah (IRGC) said"),
    (KH, "Kataib Hezbollah (Reuters)"),
    (KH, "Kataib Hezbollah (رويترز)"),
    (KH, "Kataib Hezbollah (Фото: Иван Иванов)"),
    (KH, "Kataib Hezbollah (запрещена в РФ)"),
    (KH, "Kataib Hezbollah (Запрещена в России)"),
    (KH, "Kataib Hezbollah, or Hamas, said"),
    (KH, "Kataib Hezbollah, known as a terror group, said"),
    (KH, "Kataib Hezbollah said it, known as Monday"),
    (KH, "Kataib Hezbollah. KH (Kurdish)"),
    (KH, "Kataib Hezbollah — это группировка"),
    (KH, "Kataib Hezbollah – هي جماعة مسلحة"),
    (KH, "Kataib Hezbollah said. (KH)"),
    (KH, "Kataib Hezbollah\n(KH)"),
    (KH, "KH\n(Kataib Hezbollah)"),
    (KH, "KH. Kataib Hezbollah left"),
    (KH, "Hamas (Kataib Hezbollah) left"),
    (KH, "the KH (in Iraq, Kataib Hezbollah) left"),
    (KH, "he ran off (Kataib Hezbollah says so)"),
    (KH, "Kataib Hezbollah (KH"),
    (KH, f"Kataib Hezbollah ({'long ' * 60}KH)"),
    (KH, "Kataib Hezbollah's () said"),
    (KH, "Kataib Hezbollah"),
    (KH, "Kataib Hezbollah (1 2 3)"),
    (KH, "Kataib Hezbollah (١٩٩٩)"),
    (KH_AR, "قالت كتائب حزب الله إن المعروف باسم آخر غادر بيته اليوم"),
    (KH_AR, "كتائب حزب الله (لبنان) قالت"),
    (RU, "Хайят Тахрир аш-Шам (Сирия) заявила"),
    ("Fatemiyoun", "Fatemiyoun (FA) said"),
]  # fmt: skip


def found(name, text):
    start = text.index(name)
    forms = beside(text, start, start + len(name), names.normal(name).split(), name)
    return {text[form.start : form.end]: form.kind for form in forms}


@pytest.mark.parametrize(("name", "text", "forms"), FOUND)
def test_another_name_beside_it_is_found(name, text, forms):
    assert found(name, text) == forms


@pytest.mark.parametrize(("name", "text"), NOTHING)
def test_what_is_no_name_is_left_alone(name, text):
    assert found(name, text) == {}


def test_an_acronym_fits_what_is_watched_even_where_the_name_is_printed_otherwise():
    text = "Kata'ib Hizb Allah (KH) left"
    (form,) = beside(text, 0, len("Kata'ib Hizb Allah"), ["kataib", "hezbollah"], KH)
    assert (text[form.start : form.end], form.kind) == ("KH", "acronym")


PIECES = [
    KH,
    RU,
    AR,
    "KH",
    "ХТШ",
    " (",
    ")",
    ", also known as ",
    " — ",
    "«",
    "»",
    "\u200f",
    "é",
    "𝔘",
    "😀",
    "\n",
    ".",
    "’s ",
    "或",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=12).map("".join))
def test_any_text_is_read_and_places_lie_within_it(text):
    whole = f"{text}{KH}{text}"
    start = len(text)
    for form in beside(whole, start, start + len(KH), ["kataib", "hezbollah"], KH):
        assert 0 <= form.start < form.end <= start or start + len(KH) <= form.start < form.end <= len(whole)
        assert names.normal(whole[form.start : form.end])
