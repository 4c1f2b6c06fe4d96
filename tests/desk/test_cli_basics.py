"""What every command keeps: its help with an example, its exit codes, one sentence for what a person can cause."""

import errno
import os
import re

import pytest
from sqlalchemy import Engine, event
from typer.core import TyperGroup

from desk.commands.root import root
from desk.overview import COMMANDS, SECTIONS, overview
from tests.desk.conftest import is_one_sentence


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_commands_help_ends_with_an_example_of_itself(call, name):
    command = root().get_command(None, name)
    inner = command.list_commands(None) if isinstance(command, TyperGroup) else []
    for path in [(name, each) for each in inner] or [(name,)]:
        done = call(*path, "--help")
        assert done.code == 0
        text = done.out[: done.out.index("Options:")]
        assert f"copytaster {' '.join(path)}" in text[text.index("Example: ") :], text


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_table_names_only_what_there_is(name):
    command = root().get_command(None, name)
    assert command.name == name or isinstance(command, TyperGroup)


def test_the_overview_names_every_command_once(call):
    done = call("--help")
    assert done.code == 0
    for section in SECTIONS.values():
        for name, entry in section.items():
            assert re.search(rf"^  {name} +{re.escape(entry.help)}$", done.out, re.MULTILINE)
    assert done.out == overview()


def test_without_a_command_it_shows_the_overview(call):
    assert call().out == overview()


def test_it_tells_its_version(call):
    from copytaster import __version__

    assert call("--version").out == f"copytaster {__version__}\n"


WRONG_USAGE = [
    ("serach", "x"),
    ("search",),
    ("search", "x", "--since", "yesterday"),
    ("search", "x", "--limit", "0"),
    ("watch", "add", "x", "--level", "wild"),
    ("watch", "add", "x", "--quiet", "22-7"),
    ("watch", "add", "x", "--quiet", "22:00-07:00", "--tz", "Mars/Base"),
    ("watch", "mute", "x", "--for", "2h", "--off"),
    ("source", "add", "http://a.example", "--every", "often"),
    ("source", "add", "http://a.example", "--header", "no colon"),
    ("source", "add", "http://a.example", "--alert-since", "ever"),
    ("source", "backfill", "x", "--from", "31.01.2026"),
    ("extract",),
    ("extract", "a", "--batch", "b"),
    ("deliveries", "retry"),
    ("deliveries", "list", "--state", "lost"),
    ("refused", "retry"),
    ("refused", "retry", "1", "--all"),
    ("match", "--watches", "-", "--articles", "-"),
    ("worker", "--queue", "nothing"),
]


@pytest.mark.parametrize("args", WRONG_USAGE, ids=" ".join)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(call, args):
    done = call(*args)
    assert done.code == 2
    assert "Error: " in done.err
    assert not done.out


def test_a_misspelled_command_gets_a_suggestion(call):
    assert "did you mean 'search'?" in call("serach").err


BAD_INPUT = [
    ("a wrong URL", ("source", "add", "http://"), {}, "is not a URL"),
    ("no URL at all", ("source", "add", "ftp://a.example"), {}, "not an http or https address"),
    ("a site that is down", ("source", "add", "http://127.0.0.1:9"), {}, "did not answer"),
    ("a private site", ("source", "add", "http://10.0.0.1"), {}, "not a public address"),
    ("a host that there is not", ("source", "add", "nowhere.invalid"), {}, "has no address"),
    ("a wrong proxy", ("source", "add", "http://a.example", "--proxy", "socks5://a"), {}, "is no proxy"),
    ("a bad query", ("watch", "add", "(kataib OR"), {}, "At character"),
    ("a bad search", ("search", "NOT kataib"), {}, "only excludes"),
    ("a channel that is none", ("watch", "add", "a", "--to", "me@example.org"), {}, "mailto:"),
    ("mail without a server", ("watch", "add", "a", "--to", "mailto:me@example.org"), {}, "No mail server is configured"),
    ("no such watch", ("watch", "show", "x"), {}, "no watch"),
    ("no such source", ("source", "pause", "x"), {}, "no source"),
    ("no such delivery", ("deliveries", "show", "7"), {}, "no delivery 7"),
    ("no such refusal", ("refused", "retry", "7"), {}, "no refusal 7"),
    ("no such file", ("watch", "import", "x.jsonl"), {}, "x.jsonl: there is no such file"),
    ("a folder for a file", ("watch", "import", "."), {}, "Is a directory"),
    ("no OPML", ("source", "import", "/dev/null"), {}, "no OPML"),
    ("no corpus", ("bench", "pipeline", "--corpus", "x"), {}, "x is no folder"),
    (
        "a range that ends before it begins",
        ("source", "backfill", "x", "--from", "2026-02-01", "--to", "2026-01-01"),
        {},
        "before",
    ),
    ("a bad setting", ("watch", "list"), {"COPYTASTER_CRAWL__PER_HOST": "0"}, "crawl.per_host"),
    ("a section that is no JSON", ("watch", "list"), {"COPYTASTER_CRAWL": "{"}, "can't be read"),
    ("no such configuration", ("watch", "list"), {"COPYTASTER_CONFIG": "x.toml"}, "run `copytaster init`"),
    ("no database URL", ("watch", "list"), {"COPYTASTER_STORE__URL": "mysql://x"}, "sqlite: or postgresql:"),
    ("a database that is down", ("watch", "list"), {"COPYTASTER_STORE__URL": "postgresql://127.0.0.1:9/x"}, "can't be reached"),
    ("a file that is no database", ("watch", "list"), {"COPYTASTER_STORE__URL": "sqlite:////etc/passwd"}, "not a database"),
    ("a folder that can't be", ("watch", "list"), {"COPYTASTER_DATA_DIR": "/proc/none"}, "/proc/none"),
]


@pytest.mark.parametrize(("args", "env", "said"), [case[1:] for case in BAD_INPUT], ids=[case[0] for case in BAD_INPUT])
def test_bad_input_is_one_clear_sentence(call, monkeypatch, args, env, said):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    done = call(*args)
    assert done.code == 1
    assert is_one_sentence(done.err), done
    assert said in done.err
    assert not done.out


BAD_LINES = ["port = = 3", "[crawl]\nper_host = 'many'", "[crwal]\nper_host = 1", "[crawl]\nspeed = 3", "\udcff"]


@pytest.mark.parametrize("text", BAD_LINES)
def test_a_bad_line_in_the_configuration_is_one_clear_sentence(call, folder, text):
    (folder / "copytaster.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    done = call("status")
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "Traceback" not in done.err


def test_a_full_disk_is_one_clear_sentence_and_nothing_is_half_written(call):
    call("watch", "add", "kataib")

    def fill(raw, _record):
        raw.execute("PRAGMA max_page_count = 1")  # as big as it is, and no page more

    event.listen(Engine, "connect", fill)
    try:
        done = call("watch", "add", " ".join(["wort" * 12] * 900), "--name", "long")
    finally:
        event.remove(Engine, "connect", fill)
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "is full" in done.err
    assert [each["name"] for each in call("watch", "list", "--json").records] == ["kataib"]


def test_a_disk_that_is_full_for_a_plain_file_is_one_clear_sentence(call, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "copytaster.toml")

    monkeypatch.setattr("pathlib.Path.open", full)
    done = call("init")
    assert done.code == 1
    assert is_one_sentence(done.err)
    assert "copytaster.toml: the disk is full" in done.err


def test_a_fault_of_our_own_keeps_its_traceback_and_says_so(call, monkeypatch):
    monkeypatch.setattr("copytaster.store.watches.page", lambda *_, **__: 1 / 0)
    done = call("watch", "list")
    assert done.code == 1
    assert "ZeroDivisionError" in done.err
    assert done.err.strip().endswith("please report it with the lines above.")


def test_ctrl_c_ends_with_130(call, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("copytaster.store.watches.page", interrupted)
    assert call("watch", "list").code == 130


def test_init_writes_a_configuration_that_can_be_read_and_never_overwrites_one(call, folder):
    assert call("init").code == 0
    assert call("status").code == 0
    (folder / "copytaster.toml").write_text("log_level = 'debug'")
    done = call("init")
    assert done.code == 1
    assert "--force" in done.err
    assert (folder / "copytaster.toml").read_text() == "log_level = 'debug'"
    assert call("init", "--force").code == 0
    assert "[crawl]" in (folder / "copytaster.toml").read_text()


def test_check_finds_everything_well_on_a_machine_with_nothing_configured(call):
    done = call("check", "--json")
    assert done.code == 0, done
    assert all(each["ok"] for each in done.records)
    assert {"configuration", "store", "redis", "search", "together", "mail", "disk", "guard", "browser"} <= {
        each["check"] for each in done.records
    }


WRONG_SERVICES = [
    ("mail", {"COPYTASTER_MAIL__URL": "smtp://127.0.0.1:9"}, "No mail server answers at 127.0.0.1:9"),
    ("mail", {"COPYTASTER_MAIL__URL": "http://x"}, "names no mail server"),
    ("redis", {"COPYTASTER_REDIS__URL": "redis://127.0.0.1:9"}, "No Redis answers"),
    ("redis", {"COPYTASTER_REDIS__URL": "nonsense"}, "No Redis answers"),
    ("search", {"COPYTASTER_SEARCH__URL": "http://127.0.0.1:9"}, "No Elasticsearch answers"),
    ("store", {"COPYTASTER_STORE__URL": "postgresql://127.0.0.1:9/x"}, "can't be reached"),
    ("guard", {"COPYTASTER_GUARD__ALLOW": '["169.254.0.0/16"]'}, "keep their keys"),
    ("browser", {"COPYTASTER_CRAWL__RENDER": "true", "COPYTASTER_CRAWL__BROWSER": "/nowhere/chromium"}, "no browser"),
    ("web", {"COPYTASTER_WEB__HOST": "192.0.2.1"}, "can't listen"),
    ("configuration", {"COPYTASTER_LOG_LEVEL": "loud"}, "log_level"),
]


@pytest.mark.parametrize(("check", "env", "said"), WRONG_SERVICES)
def test_check_says_what_is_wrong_and_goes_on(call, monkeypatch, check, env, said):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    done = call("check", "--json")
    assert done.code == 1
    wrong = [each for each in done.records if not each["ok"]]
    assert [each["check"] for each in wrong] == [check]
    assert said in wrong[0]["detail"]
    assert is_one_sentence(done.err)


def test_check_greets_the_mail_server_and_sends_nothing(call, monkeypatch):
    from desk.sinks import MailSink

    received = []
    with MailSink(received.append) as sink:
        monkeypatch.setenv("COPYTASTER_MAIL__URL", sink.url)
        done = call("check")
    assert done.code == 0
    assert f"{sink.host}:{sink.port} answers" in done.out
    assert not received


def test_check_setup_brings_the_store_to_the_newest_schema(call):
    assert "empty" in next(each for each in call("check", "--json").records if each["check"] == "store")["detail"]
    assert "schema 0" in next(each for each in call("check", "--setup", "--json").records if each["check"] == "store")["detail"]
