"""No traceback reaches a user: commands with hostile arguments, stores, files and surroundings end in a sentence."""

import os
import pathlib
import resource
import shutil
import sqlite3
import subprocess
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from typer.core import TyperGroup

from desk.commands.root import root
from desk.overview import COMMANDS
from tests.desk.conftest import is_one_sentence
from tests.hostile import HOSTILE
from tests.services.sockets import raw_server

STAY = {"demo", "up", "crawl", "worker", "beat", "web", "bench"}  # they run until they are told to stop
STORE_COMMANDS = [
    ("status",), ("source", "list"), ("watch", "list"), ("watch", "add", "kataib"), ("watch", "show", "x"),
    ("search", "kataib"),
    ("deliveries", "list"), ("refused", "list"), ("refused", "retry", "--all"), ("rebuild",), ("backup", "copy.db"),
    ("source", "export"), ("source", "pause", "x"), ("watch", "export"), ("watch", "test", "kataib"),
    ("store", "copy", "sqlite:///other.db"), ("check",),
]  # fmt: skip


def leaves():
    """Every command that ends by itself, with its options."""
    found = []
    for name in COMMANDS:
        if name in STAY:
            continue
        command = root().get_command(None, name)
        inner = (
            [command.get_command(None, each) for each in command.list_commands(None)] if isinstance(command, TyperGroup) else []
        )
        for one in inner or [command]:
            path = (name, one.name) if inner else (name,)
            options = [
                option for parameter in one.params for option in parameter.opts if option.startswith("-") and option != "--help"
            ]
            found.append((path, options))
    return found


def ended_well(done):
    """The exit codes of the contract, one sentence where it failed, and never a traceback."""
    assert done.code in (0, 1, 2), done
    assert "Traceback" not in done.err, done
    assert "fault of copytaster" not in done.err, done
    if done.code == 1:
        assert is_one_sentence(done.err), done
    if done.code == 2:
        assert "Error: " in done.err or "Usage: " in done.err + done.out, done


@pytest.mark.parametrize(
    "args",
    [
        ("source", "pause"), ("source", "show"), ("watch", "show"), ("watch", "mute"), ("watch", "add"), ("search",),
        ("forget", "--yes"),
        ("deliveries", "show"), ("refused", "retry"), ("channel", "rotate"),
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.slow
def test_a_name_however_hostile_is_an_answer_or_one_sentence(call, args):
    for hostile in HOSTILE:
        ended_well(call(*args, hostile))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_argument_however_hostile_makes_a_traceback(call):
    lines = st.builds(
        lambda leaf, given, option, value: [
            *leaf[0],
            *given,
            *([leaf[1][option % len(leaf[1])], value] if leaf[1] and option else []),
        ],
        st.sampled_from(leaves()),
        st.lists(st.sampled_from(HOSTILE), max_size=2),
        st.integers(0, 30),
        st.sampled_from(HOSTILE),
    )

    @seed(20261128)
    @settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(lines, st.sampled_from([b"", b"\xff\0\n{\n", b"[" * 5_000, b'{"id": 1}\n' * 3]))
    def tried(args, stdin):
        ended_well(call(*args, stdin=stdin))

    tried()


# -- stores and files that are not as they should be ------------------------------------------------------------------


def _database(folder):
    (folder / "copytaster-data").mkdir(exist_ok=True)
    return folder / "copytaster-data" / "copytaster.db"


def garbage(folder, _good):
    _database(folder).write_bytes(bytes(range(256)) * 100)


def cut_off(folder, good):
    _database(folder).write_bytes(good.read_bytes()[:5_000])


def overwritten(folder, good):
    """Its head is whole and what follows is not."""
    data = bytearray(good.read_bytes())
    data[4_096:] = b"\xff" * (len(data) - 4_096)
    _database(folder).write_bytes(data)


def a_folder(folder, _good):
    _database(folder).mkdir()


def of_the_future(folder, good):
    shutil.copy(good, _database(folder))
    with sqlite3.connect(_database(folder)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def without_a_table(folder, good):
    shutil.copy(good, _database(folder))
    with sqlite3.connect(_database(folder)) as connection:
        for table in ("deliveries", "watches"):
            connection.execute(f"DROP TABLE {table}")
    connection.close()


def of_another_program(folder, _good):
    with sqlite3.connect(_database(folder)) as connection:
        connection.execute("CREATE TABLE watches (price TEXT)")
    connection.close()


def a_file_for_the_folder(folder, _good):
    (folder / "copytaster-data").write_text("I am a file")


def a_binary_configuration(folder, _good):
    (folder / "copytaster.toml").write_bytes(bytes(range(256)))


def a_folder_for_the_configuration(folder, _good):
    (folder / "copytaster.toml").mkdir()


def a_configuration_of_wrong_types(folder, _good):
    (folder / "copytaster.toml").write_text("store = 3\nweb = []\nlog_level = {a = 1}\n")


BROKEN = [
    garbage, cut_off, overwritten, a_folder, of_the_future, without_a_table, of_another_program, a_file_for_the_folder,
    a_binary_configuration, a_folder_for_the_configuration, a_configuration_of_wrong_types,
]  # fmt: skip


@pytest.mark.parametrize("break_it", BROKEN, ids=lambda each: each.__name__)
def test_a_broken_store_or_configuration_is_one_sentence_for_every_command(call, folder, sqlite_template, break_it):
    break_it(folder, sqlite_template)
    for args in STORE_COMMANDS:
        ended_well(call(*args))


ELSEWHERE = {
    "no server there": {"COPYTASTER_STORE__URL": "postgresql://user:s3cr3tword@127.0.0.1:1/x"},
    "no PostgreSQL but something else": {"COPYTASTER_STORE__URL": "postgresql://user:s3cr3tword@127.0.0.1:{port}/x"},
    "no such host": {"COPYTASTER_STORE__URL": "postgresql://user:s3cr3tword@nowhere.invalid/x"},
    "no port": {"COPYTASTER_STORE__URL": "postgresql://user:s3cr3tword@:x/"},
    "an option that there is not": {"COPYTASTER_STORE__URL": "postgresql://user:s3cr3tword@127.0.0.1:1/x?nonsense=1"},
    "a folder that can't be": {"COPYTASTER_DATA_DIR": "/proc/nowhere"},
    "a data folder of 9,000 letters": {"COPYTASTER_DATA_DIR": "d" * 9_000},
    "a search engine that is none": {"COPYTASTER_SEARCH__URL": "http://127.0.0.1:1"},
    "a search engine of nonsense": {"COPYTASTER_SEARCH__URL": "http://[::"},
    "a broker of nonsense": {"COPYTASTER_REDIS__URL": "redis://[::"},
    "a guard of nonsense": {"COPYTASTER_GUARD__ALLOW": '["\\ud800", "300.1.1.1/99", ""]'},
    "letters that are none": {"COPYTASTER_DATA_DIR": "\udcff\udcfe"},
}


@pytest.fixture
def silent_port():
    """Something that listens, hangs up and says nothing that a database would."""
    with raw_server(lambda connection, _stopped: connection.sendall(b"HTTP/1.1 400 no\r\n\r\n")) as url:
        yield urlsplit(url).port


@pytest.mark.parametrize("case", ELSEWHERE)
def test_services_that_are_not_there_are_one_sentence_and_no_password(call, monkeypatch, silent_port, case):
    for name, value in ELSEWHERE[case].items():
        monkeypatch.setenv(name, value.replace("{port}", str(silent_port)))
    for args in STORE_COMMANDS:
        if args == ("rebuild",) and "search" in case:
            continue  # it waits for a cluster that is away, and says so
        done = call(*args)
        ended_well(done)
        assert "s3cr3tword" not in done.out + done.err


def test_a_store_that_is_locked_is_one_sentence(call, folder, monkeypatch, own_store):
    monkeypatch.setattr("copytaster.store.db.BUSY_SECONDS", 0.05)
    monkeypatch.setattr("search.sqlite._BUSY_SECONDS", 0.05)
    with sqlite3.connect(own_store.path()) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        for args in STORE_COMMANDS:
            ended_well(call(*args))
        holder.rollback()
    holder.close()


@pytest.mark.service
def test_a_wrong_password_is_one_sentence_that_does_not_repeat_it(call, monkeypatch, postgresql_server):
    with postgresql_server.database(migrated=False) as url:
        monkeypatch.setenv(
            "COPYTASTER_STORE__URL", url.replace("://", "://nobody:s3cr3tword@", 1) if "@" not in url else url + "_none"
        )
        for args in STORE_COMMANDS:
            done = call(*args)
            ended_well(done)
            assert "s3cr3tword" not in done.out + done.err


# -- the process around it: streams, locale, limits -------------------------------------------------------------------


class Said:
    """What a process left, as ``ended_well`` reads it."""

    def __init__(self, done):
        self.code, self.out = done.returncode, (done.stdout or b"").decode("utf-8", "replace")
        self.err = (done.stderr or b"").decode("utf-8", "replace")

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


def no_big_file():
    """Files of at most 40 kB, as on a disk with no room for more."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


def no_file():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


SURROUNDINGS = {
    "no home": {"env": {"HOME": "", "XDG_CACHE_HOME": ""}},
    "a home that is none": {"env": {"HOME": "/nowhere"}},
    "the locale C": {"env": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}},
    "Latin-1": {"env": {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}},
    "no terminal type": {"env": {"TERM": "", "COLUMNS": "0"}},
    "columns of nonsense": {"env": {"COLUMNS": "many", "LINES": "-3"}},
    "a folder that is gone": {"cwd": "gone"},
    "no room for a file": {"preexec_fn": no_file},
    "little room": {"preexec_fn": no_big_file},
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", SURROUNDINGS)
def test_hostile_surroundings_make_no_traceback(run, folder, case):
    options = dict(SURROUNDINGS[case])
    if options.get("cwd") == "gone":
        gone = folder / "gone"
        gone.mkdir()
        options["cwd"] = gone
        options["preexec_fn"] = gone.rmdir
    for args in (
        ("status",),
        ("watch", "add", "café\udcff 北京"),
        ("watch", "list", "--json"),
        ("init",),
    ):
        if options.get("cwd") == folder / "gone":
            (folder / "gone").mkdir(exist_ok=True)
        ended_well(Said(run(*args, **options)))


def _closed_pipe(run, *args):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return run(*args, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)


def _into(path, run, *args):
    with pathlib.Path(path).open("wb") as out:
        return run(*args, capture_output=False, stdout=out, stderr=subprocess.PIPE)


STREAMS = {
    "output that nobody reads": _closed_pipe,
    "a full device": lambda run, *args: _into("/dev/full", run, *args),
    "no output at all": lambda run, *args: run(
        *args, capture_output=False, stdout=None, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1)
    ),
    "no input at all": lambda run, *args: run(*args, stdin=None, preexec_fn=lambda: os.close(0)),
    "no error output": lambda run, *args: run(
        *args, capture_output=False, stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2)
    ),
    "nothing at all": lambda run, *args: run(*args, capture_output=False, preexec_fn=lambda: os.closerange(0, 3)),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", STREAMS)
def test_streams_that_are_closed_or_full_make_no_traceback(run, case):
    for args in (
        ("--help",),
        ("status",),
        ("watch", "list", "--json"),
        ("dev", "url"),
    ):
        done = Said(STREAMS[case](run, *args))
        assert done.code in (0, 1, 2), (args, done)
        assert "Traceback" not in done.err, (args, done)
        assert "Exception ignored" not in done.err, (args, done)
