"""Watches by the command line: what adding one says, previews over stored articles, files in and out, any text at all."""

import datetime as dt
import json

import pytest

from copytaster.config import load
from copytaster.store import articles, health, watches
from desk.watching import exported, imported
from search.engine import IndexDocument
from tests.desk import news_world
from tests.desk.conftest import is_one_sentence
from workers.bootstrap import open_engine

HOOK = "http://127.0.0.1:9/hook"


@pytest.fixture
def stored(own_store):
    """Three articles read and indexed, one of them ten days ago, and one that waits for the index."""
    source_id, _ = news_world.add_source(own_store, "herald")
    for number, title in enumerate(["Veterans of Fatemiyoun return", "Port strike goes on", "An older story"]):
        text = f"{title}. The Fatemiyoun were named {number} times."
        news_world.add_article(own_store, source_id, number, title=title, text=text)
    engine = open_engine(load(), own_store)
    with own_store.write() as tx:
        found = articles.newest(tx, limit=10)
        old = next(each for each in found if each.title == "An older story")
        engine_documents = [IndexDocument.of(each, ()) for each in found if each is not old]
        for each in found:
            articles.index_again(tx, None, [each.id], None)
    engine.put(engine_documents)
    news_world.add_article(own_store, source_id, 9, title="Not yet indexed")
    return own_store


def only(records):
    (one,) = records
    return one


def test_adding_a_watch_previews_what_it_would_have_caught(call, stored):
    done = call("watch", "add", "fatemiyoun")
    assert done.code == 0
    assert "would have caught 2 articles" in done.out
    assert "**Fatemiyoun**" in done.out
    assert "1 articles are not indexed yet" in done.err
    assert "only records" in done.out


def test_a_preview_heeds_aliases_and_vetoes(call, stored):
    done = only(call("watch", "add", "nobody", "--alias", "port strike", "--json").records)
    assert done["preview"] == 1
    done = only(call("watch", "add", "fatemiyoun", "--veto", "Fatemiyoun", "--json").records)
    assert done["preview"] == 0


def test_a_name_is_looked_for_in_other_spellings_at_the_level_that_is_said(call, stored):
    assert only(call("watch", "add", "fatimiyun", "--json").records)["preview"] == 2
    assert only(call("watch", "add", "fatimiyun", "--name", "e", "--level", "exact", "--json").records)["preview"] == 0
    assert len(call("watch", "test", "fatimiyun", "--json").records) == 2
    assert call("watch", "test", "e", "--json").records == []
    assert len(call("watch", "test", "e", "--level", "wide", "--json").records) == 2
    assert call("search", "fatimiyun", "--level", "exact", "--json").records == []
    found = call("search", "fatimiyun", "--json").records
    assert {hit["kind"] for each in found for hit in each["hits"]} == {"variant"}
    done = call("search", "fatimiyun")
    assert "2 articles." in done.out
    assert "“Fatemiyoun” is a form of “fatimiyun”" in done.out


def test_a_webhook_gets_a_secret_that_is_shown_once(call):
    first = only(call("watch", "add", "one", "--to", HOOK, "--json").records)
    assert first["secrets"][HOOK].startswith("whsec_")
    assert only(call("watch", "add", "two", "--to", HOOK, "--json").records)["secrets"] == {}
    assert "whsec_" not in call("watch", "export").out


def test_a_hint_tells_words_from_a_phrase(call):
    assert 'write "Kataib Hezbollah"' in call("watch", "add", "Kataib Hezbollah").out


def test_every_option_is_kept(call):
    call(
        *("watch", "add", "a OR b", "--name", "both", "--to", HOOK, "--to", "json://127.0.0.1:9/x", "--level", "exact"),
        *(
            "--alias",
            "c d",
            "--veto",
            "e",
            "--veto",
            "f",
            "--digest",
            "hourly",
            "--quiet",
            "22:00-07:30",
            "--tz",
            "Europe/London",
        ),
    )
    found = only(call("watch", "export").records)
    assert {name: found[name] for name in found if name != "id"} == {
        "query": "a OR b",
        "name": "both",
        "level": "exact",
        "aliases": ["c d"],
        "vetoes": ["e", "f"],
        "digest": "hourly",
        "quiet": "22:00-07:30",
        "zone": "Europe/London",
        "muted_until": None,
        "to": [HOOK, "json://127.0.0.1:9/x"],
    }


def test_an_unset_level_stays_unset(call, own_store):
    call("watch", "add", "kataib")
    with own_store.read() as tx:
        assert only(watches.every(tx)).level is None


def test_said_again_a_watch_takes_a_channel_more_and_stays_one(call):
    call("watch", "add", "kataib")
    assert call("watch", "add", "kataib", "--to", HOOK).code == 0
    assert only(call("watch", "export").records)["to"] == [HOOK]


def test_another_query_under_a_known_name_is_refused(call):
    call("watch", "add", "kataib", "--name", "k")
    done = call("watch", "add", "other", "--name", "k")
    assert done.code == 1
    assert is_one_sentence(done.err)


def test_a_preview_of_a_watch_by_name_sends_and_saves_nothing(call, stored):
    call("watch", "add", "fatemiyoun", "--name", "f", "--to", HOOK)
    found = call("watch", "test", "f", "--json").records
    assert [each["title"]["text"] for each in found] == ["Port strike goes on", "Veterans of Fatemiyoun return"]
    assert call("watch", "test", "port strike", "--json").records[0]["passage"]["marks"]
    assert call("deliveries", "list", "--json").records == []
    assert len(call("watch", "list", "--json").records) == 1


def test_search_marks_what_it_found_and_counts_it(call, stored):
    done = call("search", '"port strike"')
    assert done.code == 0
    assert "**Port strike** goes on" in done.out
    assert "1 article." in done.out
    found = only(call("search", '"port strike"', "--json").records)
    start, end = found["title"]["marks"][0]
    assert found["title"]["text"][start:end] == "Port strike"
    assert call("search", "port", "--limit", "1", "--json").records
    assert call("search", "nothingofthekind").code == 0


def test_a_search_goes_back_as_far_as_it_is_told(call, stored):
    assert len(call("search", "fatemiyoun", "--since", "1h", "--json").records) == 2
    assert len(call("search", "fatemiyoun", "--json", "--limit", "1").records) == 1


def test_a_mute_ends_by_itself_or_by_hand(call):
    call("watch", "add", "kataib")
    muted = only(call("watch", "mute", "kataib", "--for", "2h", "--json").records)
    until = dt.datetime.fromisoformat(muted["muted_until"])
    assert dt.timedelta(minutes=115) < until - dt.datetime.now(dt.UTC) <= dt.timedelta(hours=2)
    assert "muted" in call("watch", "list").out
    assert "until you say --off" in call("watch", "mute", "kataib").out
    assert only(call("watch", "mute", "kataib", "--off", "--json").records)["muted_until"] is None
    assert call("watch", "mute", "kataib", "--until", "2020-01-01").code == 1


def test_a_removed_watch_is_gone_and_what_waited_for_it_is_cancelled(call, own_store):
    watch, _ = news_world.add_watch(own_store, "kataib", HOOK)
    source_id, _ = news_world.add_source(own_store, "herald")
    article_id = news_world.add_article(own_store, source_id, 1)
    news_world.add_alert(own_store, watch, article_id, "Fatemiyoun")
    done = only(call("watch", "remove", "kataib", "--json").records)
    assert done == {"id": watch.id, "name": "kataib", "cancelled": 1}
    assert call("watch", "list", "--json").records == []
    assert call("watch", "show", "kataib").code == 1


def test_an_export_is_imported_to_the_same_watches(call, store):
    call("watch", "add", "a OR b", "--name", "both", "--to", HOOK, "--quiet", "22:00-07:00", "--tz", "Asia/Tehran")
    call("watch", "add", 'title:"c d"', "--veto", "x", "--digest", "daily")
    before = call("watch", "export").out
    for each in call("watch", "list", "--json").records:
        call("watch", "remove", each["id"])
    done = call("watch", "import", "-", stdin=before.encode())
    assert done.code == 0, done
    assert sorted(call("watch", "export").out.split("\n")) == sorted(before.split("\n"))
    assert call("watch", "import", "-", stdin=before.encode()).code == 0
    assert len(call("watch", "list", "--json").records) == 2


def test_what_is_exported_is_read_back_as_it_was(call, own_store):
    call("watch", "add", "a", "--alias", "b", "--quiet", "23:00-06:00")
    with own_store.read() as tx:
        watch = only(watches.every(tx))
    watch_id, wanted = imported(json.dumps(exported(watch, {})))
    assert watch_id == watch.id
    assert (wanted.query, list(wanted.aliases), wanted.quiet) == (watch.query, list(watch.aliases), watch.quiet)


BAD_LINES = [
    *("{", "[]", "{}", "[" * 100_000, '{"query": 3}', '{"query": "("}', '{"query": "a", "to": "x"}'),
    *('{"query": "a", "digest": "no"}', '{"query": "a", "quiet": "night"}', '{"query": "a", "zone": 7}'),
    *('{"query": "a", "level": "x"}', '{"query": "a", "to": ["ftp:"]}', '{"query": "a", "muted_until": "soon"}'),
]


def test_bad_lines_of_an_import_are_named_and_the_others_taken(call):
    lines = ['{"query": "first"}', *BAD_LINES, "", '{"query": "last"}']
    done = call("watch", "import", "-", stdin="\n".join(lines).encode())
    assert done.code == 1
    assert [each["name"] for each in call("watch", "list", "--json").records] == ["first", "last"]
    told = done.err.strip().split("\n")
    assert [line.split(" ")[1] for line in told[:-1]] == [str(2 + at) for at in range(len(BAD_LINES))]
    assert told[-1].startswith(f"copytaster: {len(BAD_LINES)} of {len(lines) - 1} lines")


@pytest.fixture
def naughty(corpora):
    return json.loads((corpora / "strings/blns.json").read_text())


@pytest.mark.slow
def test_any_text_is_a_name_or_a_query(call, naughty):
    """None ends in a traceback, breaks a line of JSON or reaches the terminal raw."""
    lines = [{"query": "kataib", "name": text} for text in naughty if text.strip()]
    lines += [{"query": text, "name": f"query {at}", "aliases": [text], "vetoes": [text]} for at, text in enumerate(naughty)]
    done = call("watch", "import", "-", stdin="\n".join(map(json.dumps, lines)).encode())
    assert done.code == 1  # queries without a letter among them
    assert "Traceback" not in done.err
    listed = call("watch", "list")
    assert listed.code == 0
    assert not any(ord(char) < 32 and char != "\n" for char in listed.out)
    names = {each["name"] for each in call("watch", "list", "--json").records}
    assert names >= {text.replace("\0", "�").strip()[:500] for text in naughty if text.strip()}


@pytest.mark.slow
def test_any_text_is_an_argument(call, naughty):
    for text in [text for text in naughty if "\0" not in text][::12]:
        for args in (("search", "--", text), ("watch", "show", "--", text), ("source", "pause", "--", text)):
            done = call(*args)
            assert done.code == 0 or (done.code in (1, 2) and "Traceback" not in done.err), (args, done)


def test_text_that_is_no_utf8_and_surrogates_are_taken_and_shown(call):
    assert call("watch", "add", "kata\udce9b", "--name", "\udcff\ud800 bad").code == 0
    assert call("watch", "list").code == 0
    assert len(call("watch", "list", "--json").records) == 1


def test_the_index_is_told_to_take_an_article_again(own_store):
    source_id, _ = news_world.add_source(own_store, "herald")
    article_id = news_world.add_article(own_store, source_id, 1)
    with own_store.write() as tx:
        articles.index_again(tx, None, [article_id], None)
        assert articles.unindexed(tx) == 0
        assert health.index_anew(tx, article_id)
        assert articles.unindexed(tx) == 1
        assert not health.index_anew(tx, "no such article")
