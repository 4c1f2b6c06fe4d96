"""A store that was copied or restored carries on where the old one stood: nothing is told twice, and nothing is lost."""

from dataclasses import replace

import pytest

from copytaster.store import Store, backup, deliveries, watches
from copytaster.store.migrate import migrate
from copytaster.store.processes import Progress
from search.query import parse
from search.sqlite import SqliteSearch
from tests.workers.newsroom import OTHERS, SENTENCES, Newsroom, page_of
from workers import pipeline, refilling
from workers.watchlist import Watchlist

BRIDGE, WINE, CHOIR = ("http://herald.example/bridge", "http://herald.example/wine", "http://herald.example/choir")


def quietly(steps, total):
    del total
    return iter(steps)


def copied(store, target, tmp_path):
    del tmp_path
    backup.carry(store, target, quietly)


def restored(store, target, tmp_path):
    path = tmp_path / "news.backup"
    backup.back_up(store, path, keep={}, watched=quietly)
    backup.restore(path, target, folder=tmp_path, watched=quietly)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def target(request, tmp_path, fake_clock):
    if request.param == "sqlite":
        made = Store(f"sqlite:///{tmp_path / 'moved.db'}", clock=fake_clock)
        migrate(made)
        yield made
        made.close()
        return
    with request.getfixturevalue("postgresql_server").database(migrated=True) as url:
        made = Store(url, clock=fake_clock)
        yield made
        made.close()


def moved_to(room: Newsroom, target: Store, tmp_path) -> Newsroom:
    """The same newsroom over the other store, with an empty index that is filled anew."""
    engine = SqliteSearch(tmp_path / "anew.db")
    if engine.prepare():
        refilling.put_all_again(target)
    services = replace(room.services, store=target, engine=engine, watchlist=Watchlist(), progress=Progress(target, "worker"))
    return Newsroom(services, room.sink, room.received, room.clock, room.hints)


def found(room, words) -> list[tuple[str, str]]:
    return [(each.id, each.passage.text) for each in room.services.engine.search(parse(words)).hits]


@pytest.mark.slow
@pytest.mark.parametrize("move", [copied, restored])
def test_a_moved_store_carries_on(newsroom, target, tmp_path, move):
    newsroom.watch("lanterns OR press", id="told")
    newsroom.watch("hail", id="owed", digest="daily")
    newsroom.fetched(BRIDGE, page_of("A bridge opens", *SENTENCES))
    newsroom.fetched(WINE, page_of("Early harvest", *OTHERS))
    newsroom.run()
    assert sorted(newsroom.urls()) == [BRIDGE, WINE]
    newsroom.fetched(
        CHOIR, page_of("A choir on tour", *(f"Evening {n}: the choir of town {n} sang by lanterns." for n in range(20)))
    )
    before = found(newsroom, "lanterns OR press")

    move(newsroom.store, target, tmp_path)
    room = moved_to(newsroom, target, tmp_path)
    while pipeline.index(room.services):
        pass
    assert found(room, "lanterns OR press") == before
    room.run()
    assert sorted(room.urls()) == [BRIDGE, CHOIR, WINE]  # the page in flight was read and told; the others were told already

    for url, title, paragraphs in ((BRIDGE, "A bridge opens", SENTENCES), (WINE, "Early harvest", OTHERS)):
        room.fetched(url, page_of(title, *paragraphs))
        room.fetched(f"{url}-copy", page_of(title, *paragraphs))
    room.run()
    assert len(room.urls()) == 3

    room.clock.advance(86_400)
    room.run()
    assert [item["watch"]["id"] for item in room.items()].count("owed") == 1
    with target.read() as tx:
        assert set(deliveries.counts(tx)) == {"sent"}
        assert watches.epoch(tx) == 3
