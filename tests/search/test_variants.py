"""Other spellings of a name: which forms fire and which do not, where they stand, why they count, and how often that is right."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copytaster.text import Placed
from search.document import Document
from search.matcher import Matcher
from search.name_measures import context, measures
from search.name_near import Group, glance, near
from search.name_parts import Name
from search.name_scorer import SCORER
from search.name_table import Names
from search.name_tokens import Tokens
from search.name_words import word_of
from search.query import parse

FIRES = {
    "Fatemiyoun": "Fatimiyun|Fatemiyun|Fatimiyoun|Fatemiyūn|Fatimiyyun|Fatimioun|Fatemioun|Fatemeyoun"
    "|فاطميون|فاطمیون|Фатимиюн|Фатемиюн|Фатимиюна",
    "Kataib Hezbollah": "Kata'ib Hizballah|Katāʾib Ḥizb Allāh|كتائب حزب الله|Katiab Hezbollah|Kata’ib Hezbollah|Kataeb Hezbollah"
    "|Kataib Hizbollah|Ketaib Hezbollah|Катаиб Хезболла|Катаиб Хизбалла|Kataʾib Hizbullah|Kata'ib Hizb Allah|Kataib Hisbollah",
    "Hayat Tahrir al-Sham": "Hay'at Tahrir al-Sham|Hayʼat Taḥrīr ash-Shām|Hayat Tahrir ash-Sham|Haiat Tahrir al-Sham"
    "|Hayat Tahrir al Sham|Хайят Тахрир аш-Шам|Хайат Тахрир аш-Шам|Hajat Tahrir al-Scham|Hay’at Tahrir al-Shaam",
    "Путин": "Путина|Путину|Путиным|Putin",
    "Zelensky": "Зеленського|Зеленский|Зеленскому|Zelenskyy|Zelenskyj|Selenskyj|زيلينسكي",
    "Baghdad": "بغداد|وبغداد|Багдаде|Bagdad",
    "Yusuf Khamis": "Jusuf Chamis",
    "Machel": "Mac Hel",
}  # fmt: skip
SILENT = {
    "Fatemiyoun": "Fatima|Fatimah|Fatimid|Fatimids|Fatema|Fatmi|Fatih|Fathi|Fatima Younes|Faith|Fat man",
    "Kataib Hezbollah": "Hezbollah|Kataib|Hezbollah leader|Kataib Sayyid al-Shuhada|Katie Hezbollah|حزب الله|Lebanese Hezbollah"
    "|Kataeb Party|Harakat Hezbollah al-Nujaba",
    "Hayat Tahrir al-Sham": "Hayat Hotel|Tahrir Square|Bilad al-Sham|Ahrar al-Sham|Hayat|Jabhat Tahrir Souriya|Tahrir al-Wasit",
    "Путин": "Пути|Путь|Пушкин",
    "Zelensky": "Zielinski|Selena",
}  # fmt: skip
FORMS = [form for forms in (*FIRES.values(), *SILENT.values()) for form in forms.split("|")]


def matched(watch, text, level="strict", **more):
    matcher = Matcher()
    matcher.add("w", parse(watch), level=level, **more)
    return [hit for found in matcher.match(Document(text=text)) for hit in found.hits]


def carried(form):
    return f"On Monday the report named {form}, officials said."


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, forms in FIRES.items() for form in forms.split("|")])
def test_a_name_fires_on_its_other_spellings(name, form):
    (hit,) = matched(f'"{name}"', carried(form))
    assert hit.printed == form
    assert hit.kind in {"variant", "folded"}
    assert not matched(f'"{name}"', carried(form), "exact") or hit.kind == "folded"


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, forms in SILENT.items() for form in forms.split("|")])
def test_a_name_does_not_fire_on_its_neighbours(name, form):
    assert matched(f'"{name}"', carried(form)) == []


def test_a_form_says_why_it_counts():
    (latin,) = matched('"Kataib Hezbollah"', "Fighters of Katiab Hezbollah left.")
    assert (latin.kind, latin.term, latin.printed) == ("variant", "Kataib Hezbollah", "Katiab Hezbollah")
    assert latin.why.startswith("“Katiab Hezbollah” is a form of “Kataib Hezbollah”: the same consonants")
    assert 0.9 < latin.score < 1
    (arabic,) = matched('"Fatemiyoun"', "قال فاطميون اليوم")
    assert "read as “fatmywn”" in arabic.why


def test_one_term_is_held_to_its_spelling_by_an_equals_sign():
    assert matched("Fatemiyoun", "The Fatimiyun left.")
    assert matched("=Fatemiyoun", "The Fatimiyun left.") == []
    assert matched('="Kataib Hezbollah"', "The Katiab Hezbollah left.") == []


def test_each_term_of_a_query_may_stand_in_another_form():
    query = 'Fatemiyoun AND ("Kataib Hezbollah" OR Baghdad)'
    assert [hit.printed for hit in matched(query, "The Fatimiyun were seen in Bagdad.")] == ["Fatimiyun", "Bagdad"]
    assert matched(query, "The Fatimiyun were seen.") == []


def test_what_a_query_excludes_is_excluded_only_as_it_is_written():
    assert matched("Fatemiyoun NOT Baghdad", "The Fatimiyun in Bagdad.")
    assert matched("Fatemiyoun NOT Baghdad", "The Fatimiyun in Baghdad.") == []


def test_aliases_have_forms_too_and_a_veto_takes_one_away():
    assert matched("HTS", "The Haiat Tahrir al-Sham left.", aliases=["Hayat Tahrir al-Sham"])
    assert matched("Fatemiyoun", "The Fatimiyun left.", vetoes=["Fatimiyun"]) == []


def test_a_place_that_is_as_written_is_told_as_that():
    hits = matched("Fatemiyoun", "The Fatemiyoun, also Fatimiyun, left.")
    assert [(hit.printed, hit.kind) for hit in hits] == [("Fatemiyoun", "exact"), ("Fatimiyun", "variant")]


def test_no_name_goes_on_over_the_end_of_a_sentence():
    assert matched('"Kataib Hezbollah"', "We saw Kateeb. Hezbollah left.") == []
    assert matched('"Kataib Hezbollah"', "We saw Kateeb\nHezbollah left.") == []


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("Siarhei Mikalaevich Petrakovich", "Сергей Николаевич Петракович"),  # Belarusian and Russian
        ("Oleksandr Volodymyrovych Hrytsenko", "Александр Владимирович Гриценко"),  # Ukrainian and Russian
        ("Wagner Group", "Группа Вагнера"),  # turned
        ("Khasavyurt", "Хасав-юрт"),  # parted by a hyphen, the second part small
        ("Slovyansk", "Slov'jans'k"),  # by apostrophes
        ("Tabuk", "Tabukas"),  # as Lithuanian declines it
        ("Karaj", "Karadż"),  # a mark that says how a letter sounds
        ("Islamic Revolutionary Guard Corps", "Islamic Revolutionary Guards Corps"),  # of general words alone
    ],
)
def test_names_are_read_as_the_press_of_other_languages_writes_them(name, printed):
    (hit,) = matched(f'"{name}"', carried(printed), "wide")
    assert hit.printed == printed


def test_a_name_in_brackets_after_it_is_no_part_of_it():
    for text in ("The Kataib Hezbollah (KH) left.", "The Kataib Hezbollah (“KH”), in Arabic"):
        (hit,) = matched('"Katiab Hezbollah"', text)
        assert hit.printed == "Kataib Hezbollah"


def test_a_mark_that_was_typed_is_asked_for():
    """Čorum is Chorum, not Korum."""
    assert matched("Čorumskyi", carried("Чорумский"), "wide")
    assert matched("Čorumskyi", carried("Corumskyi"), "wide")


def test_long_names_are_looked_for_by_either_of_two_words():
    table: Names[int] = Names()
    table.add(0, Name(["aidar", "raisovich", "metshin"]))
    for printed in ("Aidar Raisovich", "Raisovich Metshin", "Айдар Раисович Метшин"):
        assert [found.key for found in table.find(Tokens(Placed(carried(printed))))] == [0]
    assert not list(table.find(Tokens(Placed(carried("Raisovich")))))


@pytest.mark.parametrize(
    ("name", "text"), [("Assuit", "این کتاب است"), ("Hayy", "کتاب های"), ("Minna", "قال من"), ("Baad", "وبعد الیوم")]
)
def test_the_most_common_words_of_scripts_without_capitals_are_no_names(name, text):
    assert matched(name, text, "wide") == []
    assert matched(text.split()[-1], text)  # but for who watches that very word


def test_a_short_word_without_vowels_must_be_all_but_the_same():
    assert matched("Qatar", "سافر إلى قطر أمس", "wide")
    assert matched("Qatarana", "سافر إلى قطر أمس", "wide") == []


def test_small_words_are_no_names():
    assert matched("Rely", "I really do.") == []
    assert matched("Damascus", "das damaskus") == []


@pytest.mark.parametrize("word", ["wj" * 60, "Wj" * 19, "ш" * 5_000, "كو" * 40, "chkhjw" * 2_000])
def test_words_that_can_be_read_in_very_many_ways_are_read_in_some(word):
    assert len(word_of(word).keys) <= 6
    assert matched('"Fatemiyoun Wjwjwjwj" OR Fatemiyoun', f"The {word} and {word.title()} {word} left.", "wide") == []


def test_notes_that_grow_too_many_are_made_anew(monkeypatch):
    names: Names[str] = Names()
    for name in FIRES:
        names.add(name, Name(name.lower().split()))
    pages = [Tokens(Placed(carried(form))) for form in FORMS]
    told = [list(names.find(page)) for page in pages]
    assert any(told)
    forgotten = []
    monkeypatch.setattr("search.name_table._MOST_NOTED", 3)
    monkeypatch.setattr(names.sounding, "forget_notes", lambda forget=names.sounding.forget_notes: forgotten.append(forget()))
    names.changes += 1  # all that was noted is of no more use
    assert [list(names.find(page)) for page in pages] == told
    assert len(forgotten) > 3


def test_a_watch_counts_at_its_own_level_whatever_others_have():
    only_wide = []
    for name in FIRES:
        matcher = Matcher()
        matcher.add("strict", parse(f'"{name}"'), level="strict")
        matcher.add("wide", parse(f'"{name}"'), level="wide")
        for form in ["Pouten", "Poutin", "Zelinsky", "Selenski", "Qataib Hisbula", "Chamis Jusef", *FORMS]:
            told = [found.watch_id for found in matcher.match(Document(text=f"{carried(form)} {form} LLC left."))]
            alone = [level for level in ("strict", "wide") if matched(f'"{name}"', f"{carried(form)} {form} LLC left.", level)]
            assert told == alone
            only_wide += [form] if told == ["wide"] else []
    assert only_wide


def test_watches_come_and_go():
    matcher = Matcher()
    matcher.add("a", parse("Fatemiyoun"), level="strict")
    matcher.add("b", parse("Fatemiyoun"), level="exact")
    page = Document(text="The Fatimiyun left Bagdad.")
    assert [found.watch_id for found in matcher.match(page)] == ["a"]
    matcher.add("c", parse("Baghdad"), level="wide")  # when the words of the page are already known
    assert [found.watch_id for found in matcher.match(page)] == ["a", "c"]
    matcher.remove("a")
    matcher.add("d", parse("Fatemiyoun"), level="wide")
    assert [found.watch_id for found in matcher.match(page)] == ["c", "d"]
    for watch in "bcd":
        matcher.remove(watch)
    assert matcher.match(page) == []


PIECES = [
    "Fatimiyun",
    "فاطميون",
    "Катаиб",
    "Хезболла",
    "Kata'ib",
    "Hizb",
    "Allah",
    "al-",
    "\n",
    ".",
    ",",
    "½",
    "ﷺ",
    "\u200c",
    "漢",
    "ß",
    "\ufeff",
]
NAMES = ["Fatemiyoun", "Kataib Hezbollah", "Hayat Tahrir al-Sham", "Aß", "LLC Atlas"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=14), st.booleans())
def test_offsets_cut_out_exactly_the_printed_words(pieces, spaced):
    text = (" " if spaced else "").join(pieces)
    matcher = Matcher()
    for name in NAMES:
        matcher.add(name, parse(f'"{name}"'), level="wide")
    for found in matcher.match(Document(title=text, text=text)):
        for hit in found.hits:
            assert text[hit.start : hit.end] == hit.printed
            assert hit.printed.strip() == hit.printed != ""
            assert 0 < hit.score <= 1


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_there_is_a_token_for_each_word(text):
    placed = Placed(text)
    tokens = Tokens(placed)
    assert len(tokens.all) == len(tokens.ends) == len(tokens.legal) == len(placed.joined.split())


@pytest.mark.parametrize("level", ["wide", "strict"])
def test_a_score_that_is_given_up_early_was_too_low(level):
    names = Names()
    for name in FIRES:
        names.add(name, Name(name.lower().split()))
    told = []
    for form in FORMS:
        tokens = Tokens(Placed(carried(form)))
        for _, name, reading in names.find(tokens):
            measured = measures(name, reading, context(reading, tokens))
            told.append((SCORER.score(measured), SCORER.score(measured, of_use=level)))
    assert any(early == 0.0 for _, early in told)
    assert all(early == (whole if early or whole >= SCORER.least(level) else 0.0) for whole, early in told)


@pytest.mark.parametrize(
    ("name", "printed"),
    [("Konstantin Malofeyev", "Константин Валерьевич Малофеев"), ("Vladimir Putin", "Владимиром Владимировичем Путиным")],
)
def test_a_patronymic_may_stand_between(name, printed):
    (hit,) = matched(f'"{name}"', carried(printed), "wide")
    assert hit.printed == printed
    assert not matched(f'"{name}"', carried("Константин Валерьевич Карлов"), "wide")


def test_names_of_a_table_are_read_as_if_each_were_alone():
    names = ["Fatemiyoun", "Kataib Hezbollah", "Ali Hassan", "Hassan Ali Hezbollah", "Bagdad Trading LLC", "Abd al-Rahman"]
    names += ["Yusuf Khamis", "YusufKhamis", "Machel", "Makhel", "Yusuf Khalid Zhukovsky", "Oleksandr Steel Machine Hrytsenko"]
    text = carried("Fatimiyun, Katiab Hizb Allah, Aly Hasan, Bagdad Trading Company LLC, Abdurrahman, Jusuf Chamis, Mac Hel")
    text += carried("Jusufchalid Zhukovsky and Oleks'andr Hrytsenko")
    tokens = Tokens(Placed(text))
    together = Names()
    for name in names:
        together.add(name, Name(name.lower().replace("-", " ").split()))
    found = {(each.key, each.reading.start, each.reading.end, each.reading.cost) for each in together.find(tokens)}
    alone = set()
    for name in names:
        table = Names()
        table.add(name, Name(name.lower().replace("-", " ").split()))
        alone |= {(each.key, each.reading.start, each.reading.end, each.reading.cost) for each in table.find(tokens)}
    assert found == alone
    assert {key for key, *_ in found} >= {*names} - {"Hassan Ali Hezbollah"}


def test_a_name_that_comes_or_goes_later_is_read_as_if_it_had_always_been_there():
    """What was heard of a word is remembered from article to article."""
    tokens = Tokens(Placed(carried("Fatimiyun and Katiab Hezbollah")))
    table: Names[int] = Names()
    table.add(0, Name(["fatemiyoun"]))
    assert [found.key for found in table.find(tokens)] == [0]
    table.add(1, Name(["kataib", "hezbollah"]))
    assert {found.key for found in table.find(tokens)} == {0, 1}
    for number in range(2, 100):
        table.add(number, Name([f"fatimiyun{'a' * number}", "hezbollah"]))
    table.add(100, Name(["fatimiyoun"]))
    assert {found.key for found in table.find(tokens)} == {0, 1, 100}
    table.remove(0)
    assert {found.key for found in table.find(tokens)} == {1, 100}


@given(st.lists(st.sampled_from(FORMS), min_size=1, max_size=12), st.sampled_from(FORMS))
def test_a_first_look_at_many_words_tells_what_looks_at_each_tell(watched, printed):
    words = [word_of(word) for form in watched for word in Placed(form).joined.split()]
    for word in map(word_of, Placed(printed).joined.split()):
        together: dict[str, int] = {}
        Group(words).glance(word, together)
        each = {other.text: how for other in words if (how := glance(other, word)) is not None}
        assert together == each
        alike = {other.text for other in words if not other.meaning and near(other, word) is not None}
        assert alike - {word.text} <= {*each}


# -- how often it is right ---------------------------------------------------------------------------------------------

SCORED = {"spelling", "script", "fold"}
FALSE_AN_ARTICLE = 0.05


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_recall_and_precision_on_names_with_known_forms(corpora):
    """The bars of names.md for names that were not fitted on; these were, so they lie above."""
    tally = dict.fromkeys([(level, right) for level in ("strict", "wide") for right in (True, False)], 0)
    wanted = 0
    for line in (corpora / "names/dev.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        forms = [(form, True) for form, kind in zip(case["positives"], case["pos_kind"], strict=True) if kind in SCORED]
        wanted += len(forms)
        matcher = Matcher()
        query = parse('"' + case["watch"].replace('"', " ") + '"')
        for level in ("strict", "wide"):
            matcher.add(level, query, level=level)
        for form, right in [*forms, *((form, False) for form in case["negatives"])]:
            for found in matcher.match(Document(text=carried(form))):
                tally[found.watch_id, right] += 1
    for level, recall, precision in (("strict", 0.65, 0.98), ("wide", 0.80, 0.95)):
        assert tally[level, True] / wanted >= recall
        assert tally[level, True] / (tally[level, True] + tally[level, False]) >= precision


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_hits_in_running_text_are_right(corpora):
    """All names as watches over all pages: each hit that is not as written was judged by a person."""
    judged = json.loads(Path(__file__).with_name("names_judged.json").read_text("utf-8"))
    right = {(watch, printed) for watch, printed in judged["right"]}
    matcher = Matcher()
    watches = [json.loads(line)["watch"] for line in (corpora / "names/dev.jsonl").read_text("utf-8").splitlines()]
    for number, watch in enumerate(watches):
        matcher.add(str(number), parse('"' + watch.replace('"', " ") + '"'), level="strict")
    false, pages = [], 0
    for folder in ("articles", "articles-world"):
        for page in json.loads((corpora / folder / "ground-truth.json").read_text("utf-8")).values():
            pages += 1
            for found in matcher.match(Document(title=page.get("title", ""), text=page["articleBody"])):
                false += [
                    (watches[int(found.watch_id)], hit.printed)
                    for hit in found.hits
                    if hit.kind == "variant" and (watches[int(found.watch_id)], hit.printed) not in right
                ]
    assert len(false) <= FALSE_AN_ARTICLE * pages, "\n".join(map(str, false))


def test_a_text_full_of_almost_a_name_is_read_in_bounds_says_so_and_hides_no_other_name(caplog):
    matcher = Matcher()
    for watch in ("Kataib Hezbollah", "Yusuf Khamis"):
        matcher.add(watch, parse(f'"{watch}"'), level="wide")
    flood = " ".join(f"Katiab und{number}er Hezbolah." for number in range(2_000))
    started = time.process_time()
    found = matcher.match(Document(text=f"{flood} On Monday Jusuf Chamis spoke. {flood}"))
    assert "Yusuf Khamis" in [each.watch_id for each in found]
    assert "1 names may stand in a text more than" in caplog.text
    assert time.process_time() - started < 4


def test_a_name_in_its_own_spelling_is_found_behind_any_number_of_others():
    matcher = Matcher()
    matcher.add("w", parse('"Kataib Hezbollah"'), level="strict")
    assert matcher.match(Document(text="Kataib Sayyid Hezbolah. " * 2_000 + "Kataib Hezbollah"))
