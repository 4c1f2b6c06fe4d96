"""Forms of a name that `copytaster watch add` shows: from stored articles, with the next command, or nothing at all."""

import shlex

import pytest

from copytaster.config import load
from copytaster.errors import Transient
from copytaster.store import articles
from desk import suggesting
from desk.suggesting import suggest, suggestions_record
from desk.watching import Wanted
from search.engine import IndexDocument
from search.sqlite import SqliteSearch
from tests.desk import news_world
from workers.bootstrap import open_engine

pytestmark = pytest.mark.slow
KH = '"Kataib Hezbollah"'
TEXTS = [
    "On Monday the Kataib Hezbollah (KH) left. The Kata'ib Hizballah came back.",
    "The Kataib Hezbollah (“KH”), in Arabic كتائب حزب الله, left.",
    "The Kataib Hezbollah stayed. On Monday the report named Heseke, officials said. Hasakah stayed.",
    "Nothing of it.",
]


@pytest.fixture
def stored(own_store):
    """Four articles, read and indexed."""
    source_id, _ = news_world.add_source(own_store, "herald")
    for number, text in enumerate(TEXTS):
        news_world.add_article(own_store, source_id, number, title=f"Number {number}", text=text)
    with own_store.read() as tx:
        documents = [IndexDocument.of(each) for each in articles.newest(tx, limit=10)]
    open_engine(load(), own_store).put(documents)
    return own_store


def added(call, *args):
    (record,) = call("watch", "add", *args, "--json").records
    return record


def test_spellings_and_acronyms_are_shown_with_counts_and_a_sample(call, stored):
    done = call("watch", "add", KH)
    assert done.code == 0
    assert "How it is printed, in all articles found:" in done.out
    assert "3 × Kataib Hezbollah · as you wrote it" in done.out
    assert "1 × Kata'ib Hizballah · spelling · counts at strict" in done.out
    assert "1 × كتائب حزب الله · other script · counts at strict" in done.out
    assert "2 × KH · acronym · counts only with --alias KH" in done.out
    assert "Hezbollah (“**KH**”), in Arabic" in done.out
    assert "https://news.example/1" in done.out
    assert "\x1b" not in done.out


def test_the_commands_it_prints_can_be_said_and_do_what_they_say(call, stored):
    out = call("watch", "add", KH, "--to", "http://127.0.0.1:9/hook?a b", "--name", "it's", "--quiet", "22:00-07:00").out
    (take,) = [line.partition(": ")[2] for line in out.split("\n") if line.startswith("To have one count: ")]
    (refuse,) = [line.partition(": ")[2] for line in out.split("\n") if line.startswith("To refuse one: ")]
    done = call(*shlex.split(take)[1:])
    assert done.code == 0
    assert "counts only with" not in done.out
    (watch,) = call("watch", "list", "--json").records
    assert (watch["aliases"], watch["vetoes"]) == (["KH"], [])
    assert (watch["name"], watch["to"], watch["quiet"]) == ("it's", ["http://127.0.0.1:9/…"], "22:00-07:00")
    done = call(*shlex.split(refuse)[1:])
    assert "Kata'ib Hizballah ·" not in done.out
    (watch,) = call("watch", "list", "--json").records
    assert (watch["aliases"], watch["vetoes"]) == ([], ["Kata'ib Hizballah"])


def test_as_json_each_suggestion_is_complete(call, stored):
    record = added(call, KH, "--level", "strict")
    assert record["suggestions_from"] == {"looked_at": 3, "found": 3}
    by_form = {each["form"]: each for each in record["suggestions"]}
    assert list(by_form) == ["Kataib Hezbollah", "KH", "Kata'ib Hizballah", "كتائب حزب الله"]
    short = by_form["KH"]
    (start, end) = short["sample"]["marks"][0]
    assert short["sample"]["text"][start:end] == "KH"
    assert {name: short[name] for name in ("kind", "term", "articles", "level", "counts", "command")} == {
        "kind": "acronym",
        "term": "Kataib Hezbollah",
        "articles": 2,
        "level": None,
        "counts": False,
        "command": "copytaster watch add '\"Kataib Hezbollah\"' --level strict --alias KH",
    }
    assert by_form["Kata'ib Hizballah"]["counts"]
    assert "--veto" in by_form["Kata'ib Hizballah"]["command"]
    assert by_form["Kataib Hezbollah"]["command"] is None


def test_an_article_that_has_the_name_in_another_spelling_alone_is_found(call, stored):
    found = {each["form"]: each["level"] for each in added(call, '"Katiab Hezbollah"')["suggestions"]}
    assert found["Kataib Hezbollah"] in ("strict", "wide")
    assert found["KH"] is None


def test_what_counts_at_wide_alone_says_so(call, stored):
    assert "--level wide or --alias Heseke" in call("watch", "add", "Hasakah").out
    at_wide = {each["form"]: each["counts"] for each in added(call, "Hasakah", "--level", "wide")["suggestions"]}
    assert at_wide["Heseke"]


def test_nothing_is_shown_where_there_is_nothing_to_show(call, stored):
    for args in ((KH, "--level", "exact"), ('="Kataib Hezbollah"',), ("nothingofthekind",), ('"nothing of it"',)):
        done = call("watch", "add", *args)
        assert done.code == 0
        assert "printed" not in done.out
        assert "To have" not in done.out


def test_an_empty_archive_is_quiet(call):
    done = call("watch", "add", KH)
    assert "printed" not in done.out
    assert done.err == ""
    assert added(call, KH)["suggestions"] == []


def test_it_says_how_many_of_the_articles_it_looked_at(call, stored, monkeypatch):
    monkeypatch.setattr(suggesting, "MOST_ARTICLES", 2)
    record = added(call, KH)
    assert record["suggestions_from"] == {"looked_at": 2, "found": 3}
    assert "in the newest 2 of at most 3 articles found:" in call("watch", "add", KH).out


def test_a_search_engine_that_is_away_hides_nothing_else(call, stored, monkeypatch):
    def away(*_args, **_more):
        raise Transient("The search engine is away.")

    monkeypatch.setattr(SqliteSearch, "search", away)
    record = added(call, KH)
    assert (record["preview"], record["suggestions"], record["query"]) == (None, [], KH)
    assert "The watch is saved" in call("watch", "add", KH).err


def test_an_engine_that_goes_away_in_between_leaves_the_preview(call, stored, monkeypatch):
    def away(*_args, **_more):
        raise Transient("The search engine is away.")

    monkeypatch.setattr(suggesting, "suggest", away)
    done = call("watch", "add", KH)
    assert done.code == 0
    assert "would have caught 3 articles" in done.out
    assert "How its names are printed can't be looked up now" in done.err


def test_what_begins_with_a_dash_is_said_so_that_it_is_read(call, stored):
    (first,) = call("watch", "add", "--json", "--veto=-x y", "--level", "wide", "--", f"-football {KH}").records
    command = next(each["command"] for each in first["suggestions"] if each["form"] == "KH")
    assert command == f"copytaster watch add --level wide --alias KH '--veto=-x y' -- '-football {KH}'"
    assert call(*shlex.split(command)[1:]).code == 0


def test_a_form_steers_no_terminal(call, own_store):
    source_id, _ = news_world.add_source(own_store, "herald")
    news_world.add_article(
        own_store, source_id, 1, text="Kata'ib\u202e Hizballah\x1b (\u202bكتائب\x07 حزب\u202c) left, Kataib Hezbollah too."
    )
    with own_store.read() as tx:
        open_engine(load(), own_store).put([IndexDocument.of(each) for each in articles.newest(tx, limit=10)])
    out = call("watch", "add", KH).out
    assert not {"\x1b", "\x07", "\u202e", "\u202b"} & {*out}
    forms = [each["form"] for each in added(call, KH)["suggestions"]]
    assert "Kata'ib Hizballah" in forms
    assert "كتائب حزب" in forms


def test_suggestions_need_no_more_than_what_is_wanted(stored):
    from desk.opening import desk

    with desk() as here:
        wanted = Wanted(query=KH)
        found = suggest(here, wanted)
        assert found.say_something
        assert len(suggestions_record(found, wanted)["suggestions"]) == 4
