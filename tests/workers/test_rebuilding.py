"""A search index made anew beside the one that is searched: nothing is missing, nothing comes back, nobody waits."""

import datetime as dt
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copytaster.config import Config
from copytaster.errors import Permanent, Transient
from copytaster.news import Extracted
from copytaster.store import articles, inventory, leases, refusals
from copytaster.store.processes import Progress
from copytaster.store.schema import articles as rows
from search.query import parse
from search.sqlite import SqliteSearch
from tests.desk import news_world
from workers import pipeline, rebuilding, unindexing
from workers.intake import Intake
from workers.rebuilding import Rebuild
from workers.services import Services

SOURCE = "source-herald"


@pytest.fixture(params=["embedded", pytest.param("services", marks=pytest.mark.service)])
def parts(request):
    return request.param


@pytest.fixture
def store_url(parts, request, tmp_path, sqlite_template):
    if parts == "embedded":
        shutil.copy(sqlite_template, tmp_path / "copytaster.db")
        yield f"sqlite:///{tmp_path / 'copytaster.db'}"
        return
    with request.getfixturevalue("postgresql_server").database(migrated=True) as url:
        yield url


@pytest.fixture
def engine(parts, request, tmp_path):
    made = SqliteSearch(tmp_path / "copytaster.db") if parts == "embedded" else request.getfixturevalue("elastic_engine")
    made.prepare()
    return made


@pytest.fixture
def services(store, engine, tmp_path):
    news_world.add_source(store, "herald")
    for number in range(12):
        news_world.add_article(store, SOURCE, number, text=f"Lanterns were seen again, as number {number} has it.")
    made = Services(
        config=Config(data_dir=tmp_path),
        store=store,
        watchlist=None,
        engine=engine,
        notifiers=None,
        hint=lambda _: None,
        progress=Progress(store, "worker"),
        token="test",
        secret="",
        intake=Intake(),
    )
    drain(made)
    return made


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(rebuilding, "PAGE", 5)
    monkeypatch.setattr(rebuilding, "COMPARED", 4)


def drain(services) -> None:
    while pipeline.index(services):
        pass


def held(services, *, building=False) -> set[str]:
    services.engine.refresh()
    return set(services.engine.ids(building=building))


def in_store(services) -> set[str]:
    return {entry.id for page in inventory.pages(services.store, limit=5) for entry in page}


def whole(services, **options):
    with Rebuild(services.store, services.engine, **options).running() as run:
        assert sum(run.fill()) == run.done.articles
        assert sum(run.compare()) == len(in_store(services))
        return run.finish()


def remove(services, *ids) -> None:
    """As the store forgets them; the index is told by whoever calls."""
    with services.store.write() as tx:
        for article_id in ids:
            for table in reversed(rows.metadata.sorted_tables):
                if "article_id" in table.c and table.name in ("texts", "revisions"):
                    tx.conn.execute(table.delete().where(table.c.article_id == article_id))
            tx.conn.execute(rows.delete().where(rows.c.id == article_id))


def test_a_rebuild_puts_back_what_was_lost_and_takes_out_what_is_too_much(services):
    services.engine.delete(["article-1", "article-7"])
    remove(services, "article-3")
    done = whole(services)
    assert held(services) == in_store(services)
    assert (done.articles, done.indexed, done.refused, done.mended, done.removed) == (11, 11, 0, 0, 0)
    assert services.engine.search(parse("lanterns")).total == 11


def test_an_index_that_was_emptied_by_somebody_is_whole_again(services):
    services.engine.clear()
    whole(services)
    assert held(services) == in_store(services)


def test_search_and_indexing_go_on_while_it_is_rebuilt(services):
    engine = services.engine
    with Rebuild(services.store, engine).running() as run:
        pages = run.fill()
        next(pages)
        engine.refresh()
        assert engine.search(parse("lanterns")).total == 12, "the old one is searched until the new one is whole"
        news_world.add_article(services.store, SOURCE, 100, text="A new one, with lanterns too.")
        news_world.add_article(services.store, SOURCE, 99, text="Sorted in last, with lanterns.")
        with services.store.write() as tx:
            articles.revise(
                tx, "article-0", 2, Extracted(title="Revised", text="Lanterns, and a ferry now.", language="en"), epoch=1
            )
        drain(services)
        engine.refresh()
        assert engine.search(parse("ferry")).total == 1
        assert sum(pages) > 0
        assert sum(run.compare()) == 14
        done = run.finish()
    assert done.mended == done.removed == 0
    assert held(services) == in_store(services)
    engine.refresh()
    assert engine.search(parse("ferry")).total == 1
    assert engine.search(parse("lanterns")).total == 14


def test_what_is_taken_down_while_it_is_rebuilt_does_not_come_back(services, monkeypatch):
    engine = services.engine
    put = engine.put_into_building

    def put_after_a_takedown(documents):
        gone = documents[0].id
        if gone in in_store(services) and len(in_store(services)) > 10:
            remove(services, gone)
            assert unindexing.take_out(engine, [gone, "never there"]) == 1
        return put(documents)

    monkeypatch.setattr(engine, "put_into_building", put_after_a_takedown)
    whole(services)
    assert len(in_store(services)) == 10
    assert held(services) == in_store(services)


def test_what_the_fill_missed_is_found_by_comparing_and_mended(services, monkeypatch):
    engine = services.engine
    with Rebuild(services.store, engine).running() as run:
        assert sum(run.fill()) == 12
        building = _only_building(engine)
        building(["article-2", "article-11"])
        remove(services, "article-5")
        assert sum(run.compare()) == 11
        done = run.finish()
    assert (done.mended, done.removed) == (2, 1)
    assert held(services) == in_store(services)


def _only_building(engine):
    """Takes documents out of the next generation alone, as no part of ours does."""
    if isinstance(engine, SqliteSearch):
        from search import sqlite

        def take(ids):
            with engine._writing() as connection:
                for article_id in ids:
                    assert sqlite.BUILDING.delete(connection, article_id)
    else:

        def take(ids):
            with engine.cluster.client() as client:
                client.indices.refresh(index=f"{engine.alias}-building")
                query = {"terms": {"copytaster.id": ids}}
                client.delete_by_query(index=f"{engine.alias}-building", query=query, refresh=True)

    return take


def test_two_rebuilds_at_once_are_refused_by_name(services):
    with Rebuild(services.store, services.engine).running() as first:
        assert sum(first.fill()) == 12
        with pytest.raises(Permanent, match="Another rebuild of the search index is running"), _second(services).running():
            pytest.fail("it must not begin")
        assert len(list(first.compare())) > 0
        first.finish()
    assert held(services) == in_store(services)
    with services.store.read() as tx:
        assert leases.until(tx, rebuilding.LEASE) is None


def _second(services) -> Rebuild:
    return Rebuild(services.store, services.engine)


def test_a_rebuild_that_was_killed_is_run_again_once_its_lease_is_over(services, fake_clock):
    dead = Rebuild(services.store, services.engine)
    life = dead.running()
    life.__enter__()
    pages = dead.fill()
    next(pages)
    with pytest.raises(Permanent, match=r"try again in \d+ s"), _second(services).running():
        pytest.fail("it must not begin")
    fake_clock.advance(rebuilding.LEASE_SECONDS + 1)
    with _second(services).running() as run:
        assert sum(run.fill()) == 12
        with pytest.raises(Permanent, match="Another rebuild") as woken:  # it was only asleep
            next(pages)
        assert not life.__exit__(Permanent, woken.value, None)
        assert sum(run.compare()) == 12
        assert run.finish().mended == 0, "what the second one built was not the first one's to throw away"
    assert held(services) == in_store(services)


def test_one_that_breaks_off_leaves_the_old_index_and_nothing_half_done(services):
    def interrupted() -> None:
        with Rebuild(services.store, services.engine).running() as run:
            next(run.fill())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert held(services) == in_store(services)
    with pytest.raises(Permanent, match="No rebuild"):
        services.engine.finish_rebuild()
    assert whole(services).articles == 12


def test_an_engine_that_is_away_for_a_moment_does_not_undo_the_work_of_hours(services, monkeypatch):
    put, failures, slept = services.engine.put_into_building, iter([True, False, True, True, False, False]), []

    def flaky(documents):
        if next(failures, False):
            raise Transient("away", retry_after=3)
        return put(documents)

    monkeypatch.setattr(services.engine, "put_into_building", flaky)
    done = whole(services, sleep=slept.append)
    assert slept == [3, 3, 3]
    assert done.indexed == 12


def test_one_that_is_away_for_too_long_ends_it_with_its_own_sentence(services, monkeypatch):
    monkeypatch.setattr(rebuilding, "PATIENCE_SECONDS", 0.0)

    def away(_):
        raise Transient("No Elasticsearch answers.")

    monkeypatch.setattr(services.engine, "put_into_building", away)
    with pytest.raises(Transient, match="No Elasticsearch answers"):
        whole(services)
    assert held(services) == in_store(services)


def test_what_was_refused_before_is_tried_again_by_the_stage(services):
    with services.store.write() as tx:
        tx.conn.execute(rows.update().where(rows.c.id == "article-4").values(index_due_at=None, indexed_version=0))
        refusals.put(tx, refusals.Refusal(stage="index", key="article-4", url="", reason="document", detail="bad"))
    whole(services)
    drain(services)
    with services.store.read() as tx:
        assert refusals.every(tx) == []
        assert articles.row(tx, "article-4").indexed_version == 1


def test_months_that_ended_are_forgotten_as_a_whole(services, fake_clock):
    fake_clock.now = dt.datetime(2026, 9, 30, 23, 59, tzinfo=dt.UTC)
    news_world.add_article(services.store, SOURCE, 20)
    fake_clock.now = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    news_world.add_article(services.store, SOURCE, 21)
    drain(services)
    gone = unindexing.take_out_before(services.engine, dt.datetime(2026, 10, 20, tzinfo=dt.UTC))
    assert len(gone) == 1
    assert "2026.09" in gone[0]
    assert "article-20" not in held(services)
    assert "article-21" in held(services)
    assert unindexing.take_out_before(services.engine, dt.datetime(2026, 10, 20, tzinfo=dt.UTC)) == []


STEPS = ["put", "delete", "begin", "put_into_building", "finish", "abandon"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5)), max_size=30))
def test_two_generations_in_any_order_hold_what_they_were_given(tmp_path_factory, steps):
    """SQLite's own: what is put while one is built is in both; what takes over is what was built."""
    engine = SqliteSearch(tmp_path_factory.mktemp("generations") / "index.db")
    engine.prepare()
    current, building = set(), None
    for step, number in steps:
        document = _document(number)
        if step == "put":
            engine.put([document])
            current.add(document.id)
            if building is not None:
                building.add(document.id)
        elif step == "delete":
            engine.delete([document.id])
            current.discard(document.id)
            (building or set()).discard(document.id)
        elif step == "begin":
            engine.begin_rebuild()
            building = set()
        elif step == "abandon":
            engine.abandon_rebuild()
            building = None
        elif building is None:
            with pytest.raises(Permanent):
                engine.finish_rebuild() if step == "finish" else engine.put_into_building([document])
        elif step == "finish":
            engine.finish_rebuild()
            current, building = building, None
        else:
            engine.put_into_building([document])
            building.add(document.id)
    assert set(engine.ids()) == current
    assert {hit.id for hit in engine.search(parse("lanterns")).hits} == current
    assert building is None or set(engine.ids(building=True)) == building


def _document(number: int):
    from search.document import Document
    from search.mapping import IndexDocument

    return IndexDocument(
        id=f"a{number}",
        version=1,
        url="http://a.example",
        story_id="s",
        first_seen_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        document=Document(text=f"lanterns {number}"),
    )
