"""The index stage on its own: an engine that is away costs nothing but time, and a backlog slows down nobody else."""

import datetime as dt
import threading
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, literal, select, text

from copytaster.config import Config
from copytaster.errors import Permanent, Transient
from copytaster.store import Store, articles, health, refusals
from copytaster.store.processes import Progress, every
from copytaster.store.schema import articles as article_rows
from search.engine import Outcome
from search.sqlite import SqliteSearch
from tests.desk import news_world
from workers import pipeline, refilling, tasks
from workers.intake import LONGEST_ASKED_SECONDS, LONGEST_SECONDS, MOST, Intake, next_pause, next_size
from workers.reconciler import MOST_COUNTED, due_rows
from workers.services import Services


class Engine:
    """An engine whose errors are told it; what it holds is a dict."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.held: dict[str, int] = {}
        self.batches: list[int] = []
        self.asked = 0

    def prepare(self) -> bool:
        self._fail()
        return not self.held

    def put(self, documents):
        self._fail()
        self.batches.append(len(documents))
        self.held |= {document.id: document.version for document in documents}
        return [Outcome(document.id, "indexed") for document in documents]

    def _fail(self) -> None:
        self.asked += 1
        if self.error:
            raise self.error


@pytest.fixture
def services(store, fake_clock, tmp_path):
    source_id, _ = news_world.add_source(store, "herald")
    for number in range(5):
        news_world.add_article(store, source_id, number)
    return made(store, Engine(), tmp_path, Intake(clock=lambda: fake_clock().timestamp()))


def made(store: Store, engine, tmp_path, intake: Intake) -> Services:
    return Services(
        config=Config(data_dir=tmp_path),
        store=store,
        watchlist=None,
        engine=engine,
        notifiers=None,
        hint=lambda _: None,
        progress=Progress(store, "worker"),
        token="test",
        secret="",
        intake=intake,
    )


def rows(store: Store) -> list[tuple]:
    with store.read() as tx:
        found = (articles.row(tx, f"article-{number}") for number in range(5))
        return [(row.index_due_at, row.index_token, row.index_attempts, row.indexed_version) for row in found]


def unindexed(store: Store) -> int:
    with store.read() as tx:
        return articles.unindexed(tx)


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e6))
def test_a_pause_grows_but_never_for_ever(failures, asked):
    pause = next_pause(failures, asked)
    assert 1 <= pause <= max(LONGEST_SECONDS, LONGEST_ASKED_SECONDS)
    assert pause <= next_pause(failures + 1, asked)
    assert asked is None or pause >= min(asked, LONGEST_ASKED_SECONDS)


def test_what_went_in_lets_more_go_in_until_batches_are_whole_again():
    sizes = [1]
    while sizes[-1] < MOST:
        sizes.append(next_size(sizes[-1]))
    assert sizes == [1, 2, 4, 8, 16, 32, 64, MOST]
    assert next_size(MOST) == MOST


@pytest.mark.parametrize("error", [Transient("away", retry_after=2), Permanent("The key was revoked.")])
def test_while_the_engine_is_away_no_row_moves_and_nobody_asks_it_twice_a_second(services, fake_clock, error):
    services.engine.error = error
    before = rows(services.store)
    asked_at = []
    for _ in range(3000):  # five minutes of hints, ten a second
        asked = services.engine.asked
        try:
            assert not pipeline.index(services)
        except (Transient, Permanent):
            assert services.engine.asked == asked + 1
            asked_at.append(fake_clock().timestamp())
        fake_clock.advance(0.1)
    waits = [later - earlier for earlier, later in pairwise(asked_at)]
    assert min(waits) >= 1
    assert LONGEST_SECONDS <= max(waits) < LONGEST_SECONDS + 1
    assert rows(services.store) == before


def test_an_engine_that_goes_in_the_middle_of_a_batch_costs_no_attempt(services, fake_clock):
    put = services.engine.put
    services.engine.prepare = lambda: False

    def failing(documents):
        raise Transient("away")

    services.engine.put = failing
    for _ in range(2 * pipeline.MOST_ATTEMPTS):
        with pytest.raises(Transient):
            pipeline.index(services)
        fake_clock.advance(LONGEST_SECONDS)
    assert {(token, attempts) for _, token, attempts, _ in rows(services.store)} == {(None, 0)}
    services.engine.put = put
    while pipeline.index(services):
        pass
    assert unindexed(services.store) == 0
    assert services.engine.batches == [1, 2, 2], "one is tried, then more"
    with services.store.read() as tx:
        assert refusals.every(tx) == []


def test_waiting_for_an_engine_counts_as_getting_on_so_that_no_worker_is_restarted_for_it(services, fake_clock):
    services.engine.error = Transient("away")
    for _ in range(3):
        services.progress._noted = 0.0
        fake_clock.advance(LONGEST_ASKED_SECONDS)
        assert tasks.drain_index(services) == 0
        with services.store.read() as tx:
            (process,) = every(tx)
        assert process.progress_at == fake_clock()


def test_an_engine_that_comes_back_empty_is_filled_again(services, fake_clock):
    assert pipeline.index(services)
    assert unindexed(services.store) == 0
    source_id = "source-herald"
    news_world.add_article(services.store, source_id, 6)
    services.engine.error = Transient("away")
    with pytest.raises(Transient):
        pipeline.index(services)
    services.engine.error, services.engine.held = None, {}
    fake_clock.advance(2)
    while pipeline.index(services):
        pass
    assert len(services.engine.held) == 6


def test_one_thread_of_a_process_indexes_and_the_others_are_free(services):
    began, go_on = threading.Event(), threading.Event()
    put = services.engine.put

    def slow(documents):
        began.set()
        assert go_on.wait(10)
        return put(documents)

    services.engine.put = slow
    first = threading.Thread(target=pipeline.index, args=(services,))
    first.start()
    assert began.wait(10)
    assert not pipeline.index(services), "a second thread would be kept from alerts for nothing"
    go_on.set()
    first.join(10)
    assert pipeline.index(services) is False
    assert len(services.engine.held) == 5


def test_a_slice_of_a_backlog_ends_and_asks_for_its_own_next(services):
    hinted = []
    object.__setattr__(services, "hint", hinted.append)
    services.intake._size = 1
    services.intake.worked = lambda: None
    assert tasks.drain_index(services, seconds=0) == 0
    put = services.engine.put

    def slow(documents):
        time.sleep(0.02)  # what is measured is that the time is over, and it passes by itself alone
        return put(documents)

    services.engine.put = slow
    assert tasks.drain_index(services, seconds=0.01) == 1
    assert hinted == ["index"]
    assert tasks.drain_index(services, seconds=60) == 4
    assert hinted == ["index"], "nothing is left, so nothing is asked for"


def test_a_batch_holds_no_more_text_than_a_worker_has_memory_for(store, tmp_path, fake_clock, monkeypatch):
    monkeypatch.setattr(articles, "BATCH_BYTES", 400)
    source_id, _ = news_world.add_source(store, "herald")
    for number, words in enumerate((4, 2_000, 4, 4)):
        text = " ".join(f"{word * 7919 % 104729}" for word in range(words))
        news_world.add_article(store, source_id, number, text=text)
    services = made(store, Engine(), tmp_path, Intake())
    while pipeline.index(services):
        pass
    assert services.engine.batches == [1, 1, 2]
    assert len(services.engine.held) == 4


def test_an_engine_of_sqlite_is_prepared_and_filled_by_the_stage_itself(services, tmp_path):
    engine = SqliteSearch(tmp_path / "index.db")
    object.__setattr__(services, "engine", engine)
    assert pipeline.index(services)
    assert unindexed(services.store) == 0


@pytest.mark.slow
def test_a_backlog_of_a_hundred_thousand_slows_neither_reconciler_nor_watchdog(store):
    source_id, _ = news_world.add_source(store, "herald")
    news_world.add_article(store, source_id, 0)
    with store.write() as tx:
        for doubling in range(17):  # in the database itself: 131,072 rows in a second
            columns = {column.name: column for column in article_rows.c} | {"id": literal(f"{doubling}-") + article_rows.c.id}
            tx.conn.execute(insert(article_rows).from_select(list(columns), select(*columns.values())))
        tx.conn.execute(text("ANALYZE"))  # as autovacuum does within a minute
    with store.read() as tx:
        assert due_rows(tx)["index"] == 100_000, "the exporter's figure is true up to there"
        assert due_rows(tx, most=MOST_COUNTED)["index"] == MOST_COUNTED
        began = time.process_time()
        looks = list(seconds_of(lambda: due_rows(tx, most=MOST_COUNTED), 10))
        assert time.process_time() - began < 0.5, "of our own; a look may take 50 ms"
        assert min(looks) < 0.2
    with store.write() as tx:
        batches = []
        claims = list(seconds_of(lambda: batches.append(articles.claim_unindexed(tx, "t", limit=MOST, seconds=30)[0]), 3))
        assert [len(batch) for batch in batches] == [MOST] * 3
        assert min(claims) < 0.2 * 5, "a claim reads the index, not the backlog"


def seconds_of(work, times):
    """Each time's; what a busy machine adds to one it does not add to the quickest."""
    for _ in range(times):
        began = time.perf_counter()
        work()
        yield time.perf_counter() - began


def test_all_is_put_again_in_slices_and_what_waits_already_is_left_as_it_is(store, fake_clock, monkeypatch):
    monkeypatch.setattr(refilling, "SLICE", 2)
    news_world.add_source(store, "herald")
    for number in range(5):
        news_world.add_article(store, "source-herald", number)
    with store.write() as tx:
        batch, _ = articles.claim_unindexed(tx, "t", limit=4, seconds=30)
        articles.indexed(tx, "t", [(each.id, each.document_version) for each in batch])
    fake_clock.advance(60)
    refilling.put_all_again(store)
    assert unindexed(store) == 5
    due = [due_at for due_at, *_ in rows(store)]
    assert sorted(due) == [fake_clock() - dt.timedelta(seconds=60), *[fake_clock()] * 4]


def test_putting_all_again_goes_on_where_its_process_was_killed(services, fake_clock, monkeypatch):
    while pipeline.index(services):
        pass
    monkeypatch.setattr(refilling, "SLICE", 2)
    slices = health.index_all
    calls = iter(range(10))

    def killed(tx, **options):
        if next(calls) == 1:
            raise KeyboardInterrupt
        return slices(tx, **options)

    monkeypatch.setattr(health, "index_all", killed)
    with pytest.raises(KeyboardInterrupt):
        refilling.put_all_again(services.store)
    assert unindexed(services.store) == 2
    services.intake.prepared = False  # another process, and the engine is not empty any more
    services.engine.batches.clear()
    while pipeline.index(services):
        pass
    assert sum(services.engine.batches) == 5
    assert unindexed(services.store) == 0
    refilling.go_on(services.store)
    assert unindexed(services.store) == 0, "it is over"


def test_a_poison_document_stays_refused_when_all_is_put_again(services, fake_clock):
    with services.store.write() as tx:
        tx.conn.execute(article_rows.update().where(article_rows.c.id == "article-2").values(index_attempts=9))
    while pipeline.index(services):
        fake_clock.advance(31)
    services.intake.prepared, services.engine.held = False, {}
    while pipeline.index(services):
        fake_clock.advance(31)
    assert sorted(services.engine.held) == ["article-0", "article-1", "article-3", "article-4"]
    with services.store.read() as tx:
        assert [each.reason for each in refusals.every(tx)] == ["poison"]
