"""Back-up, restore and `store copy` as an operator types them: one file, whole or not at all, into either dialect."""

import gzip
import resource
import sqlite3
import stat

import pytest

from copytaster.errors import Transient
from copytaster.store import Store, articles, backup, deliveries, processes, schema, tombstones
from copytaster.store.migrate import migrate
from copytaster.urls import url_id
from tests.copytaster import full_store
from tests.desk import news_world as world
from tests.desk.conftest import is_one_sentence
from workers import takedown


@pytest.fixture
def news(folder):
    """The configured store, with a source, a watch, an article and an alert that is not sent yet."""
    store = Store(f"sqlite:///{folder / 'copytaster-data' / 'copytaster.db'}")
    migrate(store)
    source_id, _ = world.add_source(store, "gazette")
    watch, _ = world.add_watch(store, "Fatemiyoun", "mailto:me@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    yield store
    store.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def elsewhere(request, folder):
    """The URL of an empty database in each dialect."""
    if request.param == "sqlite":
        yield f"sqlite:///{folder / 'elsewhere' / 'copytaster.db'}"
        return
    with request.getfixturevalue("postgresql_server").database(migrated=False) as url:
        yield url


@pytest.fixture
def moved(monkeypatch, folder):
    """``moved(url)``: from now on that is the configured store, in an empty folder of its own."""

    def to(url):
        monkeypatch.setenv("COPYTASTER_STORE__URL", url)
        monkeypatch.setenv("COPYTASTER_DATA_DIR", str(folder / "new-data"))

    return to


def test_a_backup_is_one_private_file_that_says_so(news, call, folder):
    done = call("backup", "news.backup")
    assert done.code == 0
    assert "rows are in news.backup" in done.out
    assert "secrets" in done.err
    assert stat.S_IMODE((folder / "news.backup").stat().st_mode) == 0o600
    assert {path.name for path in folder.iterdir()} == {"copytaster-data", "news.backup"}
    plain = folder / "plain.db"
    plain.write_bytes(gzip.decompress((folder / "news.backup").read_bytes()))
    with sqlite3.connect(plain) as opened:
        assert opened.execute("SELECT count(*) FROM articles").fetchone() == (1,)
        assert opened.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'search%'").fetchone() == (0,)
    opened.close()


def test_a_backup_never_overwrites_unless_it_is_told_to(news, call, folder):
    (folder / "news.backup").write_text("precious")
    done = call("backup", "news.backup")
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "--force" in done.err
    assert (folder / "news.backup").read_text() == "precious"
    assert call("backup", "--force", "--json", "news.backup").records[0]["rows"] > 5


def test_a_backup_that_fails_leaves_nothing_and_the_old_one_whole(news, call, folder, monkeypatch):
    assert call("backup", "news.backup").code == 0
    before = (folder / "news.backup").read_bytes()
    monkeypatch.setattr("copytaster.store.backup._sum", lambda stream: object())
    done = call("backup", "--force", "news.backup")
    assert done.code == 1
    assert "reads back otherwise" in done.err
    assert (folder / "news.backup").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {"copytaster-data", "news.backup"}


def test_a_disk_that_fills_up_at_the_last_step_makes_no_torn_backup(news, call, folder, monkeypatch):
    """SQLite says nothing where it can't bring its log into the file when it is closed."""
    most, least = resource.getrlimit(resource.RLIMIT_FSIZE), 100_000
    keep = backup._keep

    def last(target, kept):
        keep(target, kept)
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most[1]))

    monkeypatch.setattr(backup, "_keep", last)
    try:
        done = call("backup", "news.backup")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "free some space" in done.err
    assert {path.name for path in folder.iterdir()} == {"copytaster-data"}


def test_a_backup_comes_back_into_either_dialect_with_the_secret_of_its_links(news, call, elsewhere, moved, folder):
    secret = (folder / "copytaster-data" / "secret").read_text() if call("backup", "news.backup").code == 0 else ""
    moved(elsewhere)
    done = call("restore", "news.backup")
    assert done.code == 0, done
    assert "copytaster rebuild" in done.out
    assert (folder / "new-data" / "secret").read_text() == secret
    assert stat.S_IMODE((folder / "new-data" / "secret").stat().st_mode) == 0o600
    restored = Store(elsewhere)
    with restored.read() as tx, news.read() as ours:
        assert articles.get(tx, "article-1") == articles.get(ours, "article-1")
        assert deliveries.counts(tx) == {"pending": 1}
    restored.close()
    assert [record["state"] for record in call("deliveries", "list", "--json").records] == ["pending"]


def test_a_store_with_rows_takes_no_backup(news, call):
    call("backup", "news.backup")
    done = call("restore", "news.backup")
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "is not empty" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-100] + bytes(100),
        lambda data: b"something else altogether",
        lambda data: gzip.compress(b"something else altogether"),
        lambda data: b"",
        lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 255]) + data[len(data) // 2 + 1 :],
    ],
)
def test_a_damaged_backup_is_refused_in_a_sentence_and_changes_nothing(news, call, moved, folder, damage):
    call("backup", "news.backup")
    whole = (folder / "news.backup").read_bytes()
    (folder / "bad.backup").write_bytes(damage(whole))
    moved(f"sqlite:///{folder / 'elsewhere.db'}")
    done = call("restore", "bad.backup")
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "not a whole backup" in done.err
    assert call("source", "list", "--json").records == []
    assert list((folder / "new-data").glob("restore-*")) == []


def repacked(folder, statement):
    """The backup as another release might have made it."""
    plain = folder / "plain.db"
    plain.write_bytes(gzip.decompress((folder / "news.backup").read_bytes()))
    with sqlite3.connect(plain) as opened:
        opened.execute(statement)
    opened.close()
    (folder / "other.backup").write_bytes(gzip.compress(plain.read_bytes()))


def test_a_backup_of_a_newer_release_is_refused(news, call, moved, folder):
    call("backup", "news.backup")
    repacked(folder, "UPDATE alembic_version SET version_num = '9999'")
    moved(f"sqlite:///{folder / 'elsewhere.db'}")
    done = call("restore", "other.backup")
    assert done.code == 1
    assert "use the newer copytaster" in done.err


def test_a_backup_of_an_older_release_is_migrated_on_its_way(call, moved, folder, elsewhere):
    from copytaster.store import migrate as migrating

    old = Store(f"sqlite:///{folder / 'old.db'}")
    with old.write() as tx:
        migrating._upgrade(tx.conn, "0001")
    with old.write() as tx:
        full_store.fill(tx.conn, full_store.reflected(tx.conn))
        tx.conn.exec_driver_sql("CREATE TABLE backup (name TEXT, value TEXT)")
    old.close()
    (folder / "old.backup").write_bytes(gzip.compress((folder / "old.db").read_bytes()))
    moved(elsewhere)
    assert call("restore", "old.backup").code == 0
    assert len(call("source", "list", "--json").records) == 4


def test_a_store_is_copied_and_the_next_steps_are_said(news, call, elsewhere):
    done = call("store", "copy", "--to", elsewhere)
    assert done.code == 0, done
    assert f'url = "{elsewhere}"' in done.out
    assert "copytaster rebuild" in done.out
    copied = Store(elsewhere)
    with copied.read() as tx:
        assert articles.total(tx) == 1
    copied.close()
    again = call("store", "copy", "--to", elsewhere)
    assert again.code == 1
    assert is_one_sentence(again.err)


def test_a_store_that_is_at_work_is_not_copied_unless_it_is_told_to(news, call, folder):
    with news.write() as tx:
        processes.note(tx, "worker@here/1", "worker")
    target = f"sqlite:///{folder / 'elsewhere.db'}"
    done = call("store", "copy", "--to", target)
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "worker@here/1" in done.err
    assert "stop copytaster" in done.err
    assert call("store", "copy", "--force", "--json", "--to", target).records[0]["tables"]["articles"] == 1


def test_a_source_that_is_no_store_is_refused_and_not_made(call, folder):
    done = call("store", "copy", "--from", f"sqlite:///{folder / 'nothing.db'}", "--to", f"sqlite:///{folder / 'else.db'}")
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert not (folder / "nothing.db").exists()


GONE = url_id("https://news.example/1")


def test_what_was_taken_down_stays_down_in_a_restored_store_though_the_index_is_away(
    news, call, folder, moved, elsewhere, monkeypatch
):
    with news.write() as tx:  # an id as addresses have them
        tx.conn.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for name in ("articles.id", "revisions.article_id", "texts.article_id", "matches.article_id", "deliveries.article_id"):
            table, _, column = name.partition(".")
            tx.conn.execute(schema.metadata.tables[table].update().values({column: GONE}))
    call("backup", "news.backup")
    moved(elsewhere)
    takedown.remember(folder / "new-data", [GONE], GONE)

    def away(*_):
        raise Transient("The search index is away.")

    with monkeypatch.context() as patched:
        patched.setattr("workers.takedown.take_out", away)
        done = call("restore", "news.backup")
    assert done.code == 1
    assert "forget --again" in done.err
    restored = Store(elsewhere)
    with restored.read() as tx:
        assert tombstones.buried(tx, [GONE])
        assert articles.total(tx) == 1
    assert call("forget", "--again", "--json").records[0]["articles"] == 1
    with restored.read() as tx:
        assert articles.total(tx) == 0
        assert deliveries.counts(tx) == {"cancelled": 1}
    restored.close()


@pytest.mark.parametrize("args", [("backup",), ("restore",), ("store",), ("store", "copy")])
def test_each_command_shows_an_example(call, args):
    done = call(*args, "--help")
    assert done.code == 0
    assert f"copytaster {' '.join(args)}" in " ".join(done.out.split())
