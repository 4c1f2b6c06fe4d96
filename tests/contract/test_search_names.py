"""Names in other spellings: whatever the stream finds, each engine finds, with the same hits and for the same reasons."""

import datetime as dt
import itertools
import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.document import Document
from search.engine import SearchEngine
from search.mapping import IndexDocument
from search.matcher import Matcher
from search.query import parse
from search.sqlite import SqliteSearch

pytestmark = pytest.mark.slow
START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ADAPTERS = ["sqlite", pytest.param("elasticsearch", marks=[pytest.mark.service, pytest.mark.timeout(300)])]
LEVELS = ("exact", "strict", "wide")

TEXTS = [
    "Fighters of Katiab Hezbollah left Bagdad on Monday.",
    "The Fatimiyun brigade, which others call Fatemiyoun, was seen.",
    "قال فاطميون اليوم إن كتائب حزب الله في بغداد",
    "Фатимиюн и Катаиб Хезболла ушли из Багдада, сказал Зеленский.",
    "Kata'ib Hizb Allah and Hay'at Tahrir al-Sham; Haiat Tahrir asch-Scham too.",
    "Das sagte Selenskyj in Kiew, als er Präsident Putin und Abdurrahman Al Sayed traf.",
    "Зеленського чекали у Києві. Путина не было.",
    "The bank of Bagdad Trading Company LLC, and Baghdad Commerce Bank.",
    "Fatima went to the Hayat Hotel near Tahrir Square with Faith Young.",
    "Η Αθήνα και ο Ζελένσκι. 北京 北京大学 Beijing.",
    "נתניהו אמר שחיזבאללה",
    "Abd al-Rahman al-Sayed, Abdul Rahman El Sayyid, Abdel-Rahman.",
    "Slov'jansk, Slovyansk, Slaviansk: M. Y. Ivanov and Mikhail Iwanow of St. Petersburg 2024.",
    "Группа Вагнера и Сергей Николаевич Петракович были в Чоруме, а не в Хасав-юрте.",
    "Slov'jans'k, Čorum, Karadż, Tabukas i Grupa Wagnera; Siarhei Piatrakovich, Corum.",
    "On Monday the mayor of Çorum and Mr Şahin Çelik met Škoda's people in Ağrı, he told Çelik.",
    "a text in small letters about fatemiyoun, kataib hezbollah and bagdad",
]
QUERIES = [
    "Chorum", '"Shahin Chelik"', '"Sahin Celik"', "Agri",
    '"Kataib Hezbollah"', "Fatemiyoun", "Baghdad", '"Hayat Tahrir al-Sham"', "Zelensky", "Путин", '"Abd al-Rahman"',
    "Abdulrahman", '"Abdulrahman Alsayed"', '"Baghdad Trading"', '"Commerce Bank of Baghdad"', "Slavyansk",
    '"Mikhail Ivanov"', "حزب", "Hizballah", "Netanyahu", "Αθήνα", "Beijing", 'title:"Kataib Hezbollah"', "=Fatemiyoun",
    "Fatemiyoun NOT Baghdad", "Baghdad NOT Fatemiyoun", '(Fatemiyoun OR Zelensky) AND "Kataib Hezbollah"',
    'Fatemiyoun OR Putin OR Kyiv OR "Hayat Tahrir al-Sham"', "Baghdad*", '"Hezbollah Kataib"~2', "Fatemiyoun lang:en",
    '"Wagner Group"', '"Siarhei Mikalaevich Petrakovich"', "Çorum", "Karaj", "Tabuk", "Khasavyurt", "Čorumskyi", '"Čorum"',
    '"St Petersburg"', "2024", '"Ibn Ali"',
]  # fmt: skip


@pytest.fixture(params=ADAPTERS)
def engine(request, tmp_path) -> SearchEngine:
    made = SqliteSearch(tmp_path / "search.db") if request.param == "sqlite" else request.getfixturevalue("elastic_engine")
    assert made.prepare()
    yield made
    made.close()


def indexed(name, document, *, version=1, at=START):
    return IndexDocument(
        id=name, version=version, url="https://news.example/", story_id="s", first_seen_at=at, document=document
    )  # fmt: skip


def put(engine, documents, at=START):
    held = {f"{at:%H%M} {number}": document for number, document in enumerate(documents)}
    assert {each.state for each in engine.put([indexed(name, document, at=at) for name, document in held.items()])} == {"indexed"}
    engine.refresh()
    return held


def of_stream(documents, query, level, vetoes=()):
    """What an alert tells of each article that satisfies a watch, by a matcher of this watch alone."""
    matcher = Matcher()
    matcher.add("w", query, level=level, vetoes=vetoes)
    return {name: tuple(found[0].hits) for name, document in documents.items() if (found := matcher.match(document))}


def of_search(engine, query, level, vetoes=(), **bounds):
    found, cursor = {}, None
    while True:
        results = engine.search(query, level=level, vetoes=vetoes, cursor=cursor, **bounds)
        assert results.total >= len(results.hits)
        found |= {hit.id: tuple(hit.hits) for hit in results.hits}
        if (cursor := results.cursor) is None:
            return found


def test_search_finds_what_the_stream_finds_for_the_same_reasons(engine):
    documents = [Document(text=text, language="en") for text in TEXTS]
    documents += [Document(title=text, text=other) for text, other in zip(TEXTS, reversed(TEXTS), strict=True)]
    held = put(engine, documents)
    told = 0
    for asked, level in itertools.product(QUERIES, LEVELS):
        query = parse(asked)
        truth = of_stream(held, query, level)
        assert of_search(engine, query, level) == truth, (asked, level)
        told += sum(hit.kind == "variant" for hits in truth.values() for hit in hits)
    assert told > 100


def test_a_veto_takes_a_form_out_of_search_too(engine):
    held = put(engine, [Document(text=text) for text in TEXTS])
    query = parse("Fatemiyoun")
    assert of_search(engine, query, "strict", ["Fatimiyun"]) == of_stream(held, query, "strict", ["Fatimiyun"])


def test_a_form_is_not_found_any_more_when_its_article_is_gone(engine):
    query = parse("Fatemiyoun")
    engine.put([indexed("a", Document(text="The Fatimiyun left.")), indexed("b", Document(text="The Fatimiyoun left."))])
    engine.delete(["a"])
    engine.refresh()
    assert of_search(engine, query, "strict").keys() == {"b"}
    engine.clear()
    engine.refresh()
    assert of_search(engine, query, "strict") == {}
    engine.put([indexed("a", Document(text="The Fatimiyun left."))])
    engine.refresh()
    assert of_search(engine, query, "strict").keys() == {"a"}


def test_a_form_is_found_in_an_article_that_was_put_again(engine):
    engine.put([indexed("a", Document(text="The Fatimiyun left."))])
    engine.put([indexed("a", Document(text=TEXTS[0]), version=2)])
    engine.refresh()
    assert of_search(engine, parse("Fatemiyoun"), "strict") == {}
    assert of_search(engine, parse('"Kataib Hezbollah"'), "strict").keys() == {"a"}


def test_a_rebuilt_index_finds_forms(engine):
    query = parse('"Kataib Hezbollah"')
    engine.begin_rebuild()
    engine.put_into_building([indexed("a", Document(text=TEXTS[0]))])
    engine.finish_rebuild()
    engine.refresh()
    assert of_search(engine, query, "strict").keys() == {"a"}
    engine.put([indexed("b", Document(text=TEXTS[3]))])
    engine.refresh()
    assert of_search(engine, query, "strict").keys() == {"a", "b"}


@pytest.mark.parametrize("join", [" OR ", " AND ", " "])
def test_the_largest_queries_of_names_are_answered(engine, join):
    engine.put([indexed("a", Document(text=" ".join(TEXTS)))])
    engine.refresh()
    names = ['"Kataib Hezbollah"', "Fatemiyoun", '"Hayat Tahrir"', "Zelensky", "Baghdad", '"Abd Rahman"', "Slavyansk"]
    every = [f'"{name.strip(chr(34))}"' for name, _ in zip(itertools.cycle(names), range(640), strict=False)]
    different = [f'"Kataib{"abcdefghij"[n % 10]}{"lmnr"[n // 10 % 4]} Hezbollah{n}"' for n in range(300)]
    assert of_search(engine, parse(join.join(every)), "wide").keys() == {"a"}
    assert of_search(engine, parse(" OR ".join(["Fatemiyoun", *different])), "wide").keys() == {"a"}


PIECES = [*{piece for text in TEXTS for piece in text.split()}, "\n", ".", ",", "—", "al", "-", "'", "½", "漢"]
DOCUMENTS = st.builds(
    Document,
    title=st.lists(st.sampled_from(PIECES), max_size=5).map(" ".join),
    text=st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join),
)
MINUTES = itertools.count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    st.lists(DOCUMENTS, min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(QUERIES).map(parse), st.sampled_from(LEVELS)), min_size=1, max_size=4),
)
def test_search_and_stream_agree_on_any_row_of_words(engine, documents, asked):
    at = START + dt.timedelta(minutes=next(MINUTES))
    held = put(engine, documents, at)
    for query, level in asked:
        bounds = {"since": at, "until": at + dt.timedelta(minutes=1)}
        assert of_search(engine, query, level, **bounds) == of_stream(held, query, level)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_search_and_stream_agree_over_pages_of_news(engine, corpora):
    """Names with their forms carried in a sentence, and running text; a sample of them, the same in every run."""
    cases = [json.loads(line) for line in (corpora / "names/dev.jsonl").read_text("utf-8").splitlines()]
    chosen = random.Random(15).sample(cases, 150)
    documents = [
        Document(title=page.get("title") or "", text=page["articleBody"])
        for folder in ("articles", "articles-world")
        for page in json.loads((corpora / folder / "ground-truth.json").read_text("utf-8")).values()
    ]
    documents += [
        Document(text=f"On Monday the report named {form}, officials said.")
        for case in chosen
        for form in (*case["positives"], *case["negatives"][:5])
    ]
    held = put(engine, documents)
    matcher = Matcher()
    for number, case in enumerate(chosen):
        matcher.add(str(number), parse('"' + case["watch"].replace('"', " ") + '"'), level="wide")
    truth = {}
    for name, document in held.items():
        for found in matcher.match(document):
            truth.setdefault(found.watch_id, {})[name] = tuple(found.hits)
    told = 0
    for number, case in enumerate(chosen):
        query = parse('"' + case["watch"].replace('"', " ") + '"')
        assert of_search(engine, query, "wide") == truth.get(str(number), {}), case["watch"]
        told += sum(hit.kind == "variant" for hits in truth.get(str(number), {}).values() for hit in hits)
    assert told > 150
