"""What the Elasticsearch engine does beyond the contract: months, generations, points in time, and a cluster in trouble."""

import dataclasses
import datetime as dt
import itertools
import threading

import pytest

from copytaster.errors import Permanent, Transient
from search import elastic, elastic_bulk, elastic_mapping
from search.document import Document
from search.mapping import IndexDocument
from search.query import parse

pytestmark = pytest.mark.service
START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
APRIL = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)


@pytest.fixture
def engine(elastic_engine):
    assert elastic_engine.prepare()
    return elastic_engine


def article(name, text="ant", *, version=1, at=START, **more):
    return IndexDocument(
        id=name, version=version, url=f"https://news.example/{name}", story_id="s", first_seen_at=at,
        document=Document(text=text), **more,
    )  # fmt: skip


def put(engine, *documents):
    outcomes = engine.put(documents)
    engine.refresh()
    return [outcome.state for outcome in outcomes]


def found(engine, query="ant", **options):
    return [hit.id for hit in engine.search(parse(query), **options).hits]


def names(engine):
    """Of our indices but this month's, which is always there."""
    this_month = elastic._this_month()
    return sorted(
        name.removeprefix(f"{engine.alias}-")
        for name, index in engine.indices.layout().indices.items()
        if index.month != this_month
    )


def pages(engine, cursor, size=10):
    while cursor:
        results = engine.search(parse("ant"), size=size, cursor=cursor)
        yield [hit.id for hit in results.hits]
        cursor = results.cursor


def many(count, prefix="a", **more):
    return [article(f"{prefix}{n:03}", at=START + dt.timedelta(minutes=n), **more) for n in range(count)]


def test_pages_go_on_over_what_there_was_while_articles_come_and_go(engine):
    put(engine, *many(40))
    first = engine.search(parse("ant"), size=10)
    second = engine.search(parse("ant"), size=10, cursor=first.cursor)
    put(engine, *many(40, "later"))
    engine.delete([f"a{n:03}" for n in range(10)])
    engine.refresh()
    rest = list(pages(engine, second.cursor))
    seen = [hit.id for hit in (*first.hits, *second.hits)] + [name for page in rest for name in page]
    assert seen == [f"a{n:03}" for n in reversed(range(40))]


def test_a_point_in_time_that_is_gone_is_replaced_and_no_article_is_shown_twice_or_missed(engine):
    put(engine, *many(40))
    first = engine.search(parse("ant"), size=10)
    second = engine.search(parse("ant"), size=10, cursor=first.cursor)
    pit = elastic.read_cursor(second.cursor).pit
    with engine.cluster.client() as client:
        client.close_point_in_time(id=pit)
    seen = [hit.id for hit in (*first.hits, *second.hits)]
    seen += [name for page in pages(engine, second.cursor) for name in page]
    assert seen == [f"a{n:03}" for n in reversed(range(40))]


def test_no_point_in_time_is_left_after_the_last_page(engine):
    put(engine, *many(25))
    first = engine.search(parse("ant"), size=10)
    assert _contexts(engine) == 0
    second = engine.search(parse("ant"), size=10, cursor=first.cursor)
    assert _contexts(engine) > 0
    assert engine.search(parse("ant"), size=10, cursor=second.cursor).cursor is None
    assert _contexts(engine) == 0


def _contexts(engine):
    with engine.cluster.client() as client:
        return client.indices.stats(index=engine.alias, metric="search")["_all"]["total"]["search"]["open_contexts"]


def test_an_article_lives_in_the_month_of_its_first_sight_in_utc(engine):
    last = APRIL - dt.timedelta(microseconds=1)
    east = dt.datetime(2026, 4, 1, 1, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert put(engine, article("last", at=last), article("first", at=APRIL), article("east", at=east)) == ["indexed"] * 3
    assert names(engine) == ["2026.03-1", "2026.04-1"]
    assert found(engine) == ["first", "last", "east"]
    assert found(engine, since=APRIL) == ["first"]
    assert found(engine, until=APRIL) == ["last", "east"]
    assert engine.delete(["last", "first"]) == 2
    engine.refresh()
    assert found(engine) == ["east"]


def test_months_that_ended_before_a_moment_are_dropped_but_never_the_last(engine):
    now = dt.datetime.now(dt.UTC)
    put(engine, article("old", at=START), article("kept", at=APRIL), article("new", at=now))
    assert [name.partition("-")[2] for name in engine.forget_before(APRIL + dt.timedelta(days=20))] == ["2026.03-1"]
    assert found(engine) == ["new", "kept"]
    engine.forget_before(now + dt.timedelta(days=4_000))
    assert found(engine) == ["new"]
    assert put(engine, article("old", version=2)) == ["indexed"]


def test_one_document_that_the_mapping_refuses_fails_alone(engine):
    documents = many(100)
    documents[50] = dataclasses.replace(documents[50], revision="not a number")
    states = [outcome.state for outcome in engine.put(documents)]
    assert (states.count("indexed"), states.index("failed")) == (99, 50)
    (bad,) = [outcome for outcome in engine.put(documents) if outcome.state == "failed"]
    assert bad.id == "a050"
    assert "revision" in bad.reason


def test_a_request_that_is_refused_as_a_whole_is_halved_until_the_one_is_found(engine, monkeypatch):
    monkeypatch.setattr(elastic_bulk, "can_be", lambda _: True)
    documents = [*many(5), article("x" * 600), *many(5, "b")]
    assert put(engine, *documents) == [*["indexed"] * 5, "failed", *["indexed"] * 5]


def test_a_field_that_is_too_long_to_be_found_fails_nothing(engine):
    told = article("a", text="y" * 40_000 + " ant", authors=["z" * 5_000], watch_names=["w" * 50_000], topics=[""])
    assert put(engine, dataclasses.replace(told, url="https://news.example/" + "u" * 40_000)) == ["indexed"]
    assert found(engine) == ["a"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("x" * 300, ["a"]), ("x" * 299, []), ("x" * 299 + "*", ["a", "b"]), (f"ant NOT {'x' * 300}", ["b"]),
     ("ant NOT " + "x" * 299, ["a", "b"]), (f'"ant {"x" * 300}"', ["a"]), (f'"{"x" * 300} ant"~1', ["a"])]
)  # fmt: skip
def test_words_that_are_cut_in_the_index_are_told_apart_all_the_same(engine, query, expected):
    put(engine, article("a", text="ant " + "x" * 300), article("b", text="ant " + "x" * 301, at=START - dt.timedelta(1)))
    assert found(engine, query) == expected


def test_a_prefix_stands_for_any_number_of_words(engine):
    put(engine, *(article(f"{n}", text=" ".join(f"ant pre{n}x{k}" for k in range(300))) for n in range(5)))
    assert len(found(engine, '"ant pre*"')) == 5
    assert len(found(engine, '"ant pre*"~3')) == 5
    assert found(engine, '"ant pre3x299*"') == ["3"]


def test_a_full_disk_pauses_everything_and_says_so(engine):
    put(engine, article("a"))
    march = f"{engine.alias}-2026.03-1"
    _block(engine, march, True)
    with pytest.raises(Transient, match=r"disk of Elasticsearch .* is full") as caught:
        engine.put([article("b"), article("c", at=APRIL)])
    assert caught.value.retry_after >= 30
    engine.refresh()
    assert found(engine) == ["c", "a"]
    _block(engine, march, None)
    assert put(engine, article("b"), article("c", at=APRIL)) == ["indexed", "newer"]


def _block(engine, index, value):
    with engine.cluster.client() as client:
        client.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": value})


def test_an_alias_that_nobody_made_says_what_to_do(elastic_engine):
    with pytest.raises(Permanent, match="copytaster rebuild"):
        elastic_engine.search(parse("ant"))
    assert elastic_engine.state().generation == 0


def test_a_first_write_needs_no_preparing(elastic_engine):
    assert put(elastic_engine, article("a")) == ["indexed"]
    assert found(elastic_engine) == ["a"]


def test_a_rebuild_takes_over_in_one_step_and_takes_writes_and_deletes_from_its_first_moment(engine):
    put(engine, article("kept"), article("gone"), article("changed", at=APRIL))
    assert engine.begin_rebuild() == 2
    assert put(engine, article("changed", "bee", version=2, at=APRIL), article("new", at=APRIL)) == ["indexed"] * 2
    assert engine.delete(["gone", "nobody"]) == 1
    assert [outcome.state for outcome in engine.put_into_building([article("kept"), article("changed", at=APRIL)])] == [
        "indexed", "newer",
    ]  # fmt: skip
    engine.refresh()
    assert found(engine) == ["new", "kept"]
    first = engine.search(parse("ant"), size=1)
    engine.finish_rebuild()
    assert names(engine) == ["2026.03-2", "2026.04-2"]
    assert found(engine) == ["new", "kept"]
    assert found(engine, "bee") == ["changed"]
    assert found(engine, cursor=first.cursor) == ["kept"]
    assert engine.ids() == ["changed", "kept", "new"]
    assert engine.ids(after="changed", size=1) == ["kept"]


def test_a_rebuild_that_was_given_up_leaves_nothing(engine):
    put(engine, article("a"))
    engine.begin_rebuild()
    engine.put_into_building([article("a")])
    engine.abandon_rebuild()
    with pytest.raises(Permanent, match="copytaster rebuild"):
        engine.put_into_building([article("a")])
    with pytest.raises(Permanent, match="copytaster rebuild"):
        engine.finish_rebuild()
    assert names(engine) == ["2026.03-1"]
    assert engine.begin_rebuild() == 2
    assert engine.begin_rebuild() == 3
    assert {index.generation for index in engine.indices.layout().indices.values()} == {1, 3}
    assert found(engine) == ["a"]


def test_writes_and_searches_go_on_while_an_index_is_rebuilt(engine):
    """Nothing is lost, nothing doubled, no older version wins: also of articles that change all the time."""
    store = {f"a{n:02}": article(f"a{n:02}", "ant 1", at=START + dt.timedelta(days=n)) for n in range(60)}
    put(engine, *store.values())
    ended, errors = threading.Event(), []

    def write():
        for turn in itertools.count(2):
            for name in list(store)[turn % 7 :: 7]:
                changed = dataclasses.replace(store[name], version=turn, document=Document(text=f"ant {turn}"))
                store[name] = changed  # the truth first, then the index, as the pipeline does
                engine.put([changed])
            fresh = article(f"b{turn:03}", f"ant {turn}", at=START + dt.timedelta(days=turn % 90))
            store[fresh.id] = fresh
            engine.put([fresh])
            if ended.is_set():
                return

    def search():
        while not ended.is_set():
            engine.refresh()
            ids = found(engine, size=500)
            if len(ids) < 60 or len(ids) != len(set(ids)):
                errors.append(ids)

    threads = [threading.Thread(target=_noted(errors, work)) for work in (write, search)]
    for thread in threads:
        thread.start()
    for generation in (2, 3):
        assert engine.begin_rebuild() == generation
        held = list(store.values())
        for start in range(0, len(held), 20):
            engine.put_into_building(held[start : start + 20])
        engine.finish_rebuild()
    ended.set()
    for thread in threads:
        thread.join()
    engine.refresh()
    assert errors == []
    shown = {hit.id: hit.passage.text for hit in engine.search(parse("ant"), size=1_000).hits}
    assert shown == {name: each.document.text for name, each in store.items()}
    assert all(name.endswith("-3") for name in names(engine))


def _noted(errors, work):
    def run():
        try:
            work()
        except Exception as error:  # noqa: BLE001  a thread's error would be lost
            errors.append(error)

    return run


def stale(engine, monkeypatch, event):
    """The next look at the indices is answered as it was before ``event`` happened: a writer that was slow."""
    before = engine.indices.layout()
    event()
    looks = itertools.chain([before], iter(engine.indices.layout, None))
    monkeypatch.setattr(engine.indices, "layout", lambda layout=engine.indices.layout: next(looks, None) or layout())


@pytest.fixture
def rebuilt(engine):
    """One article in each generation, the second ready to take over."""
    put(engine, article("a"))
    engine.begin_rebuild()
    engine.put_into_building([article("a")])
    return engine


@pytest.mark.parametrize("at", [START, APRIL], ids=["a month that is there", "a new month"])
@pytest.mark.parametrize("event", ["finish_rebuild", "abandon_rebuild"])
def test_a_writer_that_looked_before_a_rebuild_ended_writes_where_it_is_found(rebuilt, monkeypatch, event, at):
    with monkeypatch.context() as patch:
        stale(rebuilt, patch, getattr(rebuilt, event))
        assert put(rebuilt, article("late", at=at))[0] in {"indexed", "newer"}  # newer: by our own first try
    assert sorted(found(rebuilt)) == ["a", "late"]
    layout = rebuilt.indices.layout()
    assert {index.generation for index in layout.indices.values()} == {layout.current}
    assert layout.building == 0


def test_a_writer_that_looked_before_a_rebuild_began_is_in_time_for_its_filling(engine, monkeypatch):
    put(engine, article("a"))
    with monkeypatch.context() as patch:
        stale(engine, patch, engine.begin_rebuild)
        assert put(engine, article("late")) == ["indexed"]
    engine.put_into_building([article("a"), article("late")])  # its row was there before, so the filling reads it
    engine.finish_rebuild()
    assert sorted(found(engine)) == ["a", "late"]


def test_a_month_made_while_a_generation_takes_over_is_not_forgotten(rebuilt, monkeypatch):
    swap = rebuilt.indices.swap

    def late(layout):
        rebuilt.put([article("late", at=APRIL)])
        swap(layout)

    monkeypatch.setattr(rebuilt.indices, "swap", late)
    rebuilt.finish_rebuild()
    rebuilt.refresh()
    assert sorted(found(rebuilt)) == ["a", "late"]
    assert rebuilt.indices.layout().building == 0
    assert put(rebuilt, article("late", at=APRIL), article("more", at=APRIL)) == ["newer", "indexed"]


def test_an_index_that_others_took_away_is_made_again(engine, monkeypatch):
    put(engine, article("a"))
    with monkeypatch.context() as patch:
        stale(engine, patch, lambda: engine.indices.drop([f"{engine.alias}-2026.03-1"]))
        assert put(engine, article("b")) == ["indexed"]
    assert found(engine) == ["b"]
    with monkeypatch.context() as patch:
        stale(engine, patch, lambda: engine.indices.drop([f"{engine.alias}-2026.03-1"]))
        assert engine.delete(["b"]) == 0


def test_two_who_make_the_same_month_do_not_disturb_each_other(engine):
    errors = []
    work = [_noted(errors, lambda n=n: engine.put([article(f"a{n}", at=APRIL)])) for n in range(6)]
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.refresh()
    assert errors == []
    assert len(found(engine)) == 6


def test_indices_of_others_whose_name_begins_alike_are_left_alone(engine):
    others = [f"{engine.alias}-notes", f"{engine.alias}-2026.03", f"{engine.alias}-more-2026.03-1"]
    with engine.cluster.client() as client:
        for name in others:
            client.indices.create(index=name)
        put(engine, article("a"))
        engine.clear()
        engine.begin_rebuild()
        engine.finish_rebuild()
        engine.forget_before(dt.datetime.now(dt.UTC))
        assert all(client.indices.exists(index=name) for name in others)
        client.indices.delete(index=others)


def test_an_index_of_an_older_form_works_on_and_asks_for_a_rebuild(engine, monkeypatch, caplog):
    put(engine, article("a"))
    assert not engine.state().form_is_old
    monkeypatch.setattr(elastic_mapping, "FORM", "newer")
    monkeypatch.setattr(elastic_mapping, "MAPPINGS", {**elastic_mapping.MAPPINGS, "_meta": {"form": "newer"}})
    with caplog.at_level("WARNING"):
        assert not engine.prepare()
    assert [record.getMessage() for record in caplog.records if "copytaster rebuild" in record.getMessage()]
    assert engine.state().form_is_old
    assert found(engine) == ["a"]
    engine.begin_rebuild()
    engine.finish_rebuild()
    assert not engine.state().form_is_old


def test_the_state_says_what_is_there(engine):
    put(engine, *many(3), article("x", at=APRIL))
    state = engine.state()
    assert (state.documents, state.generation, state.building, state.indices, state.health) == (4, 1, 0, 3, "green")
    assert state.version.startswith("9.")
    assert state.size_bytes > 1_000
    engine.begin_rebuild()
    assert engine.state().building == 2


def test_nothing_is_found_by_fields_that_are_not_kept(engine):
    """The words and the stock analyzers' fields are indexed, but not stored a second time."""
    put(engine, dataclasses.replace(article("a"), document=Document(title="Ants", text="were walking", language="en-GB")))
    with engine.cluster.client() as client:
        (hit,) = client.search(index=engine.alias, query={"match": {"stock.english": "walked"}})["hits"]["hits"]
    assert hit["_id"] == "a"
    assert not hit["_source"].get("words")
    assert not hit["_source"].get("stock")
    assert hit["_source"]["copytaster"]["missing"] == ["published", "authors"]
    assert hit["_source"]["copytaster"]["words"] == 2


def test_another_process_makes_a_client_of_its_own(engine, monkeypatch):
    put(engine, article("a"))
    ours = engine.cluster._own()
    monkeypatch.setattr("search.elastic_client.os.getpid", lambda: -1)
    assert found(engine) == ["a"]
    theirs = engine.cluster._own()
    assert theirs is not ours
    monkeypatch.undo()
    theirs.close()
    assert ours.info()["version"]
    engine.close()
    engine.close()
    assert found(engine) == ["a"]
