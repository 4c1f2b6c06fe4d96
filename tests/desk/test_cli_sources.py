"""Sources by the command line, over real sockets: the demo's sites behind a proxy on loopback."""

import datetime as dt
import json

import pytest
from sqlalchemy import select, update

from copytaster.store import health, sources
from copytaster.store.links import BACKFILL
from copytaster.store.schema import links
from desk import opml
from desk.backfill import Range
from desk.demo.world import build
from desk.loopback import SiteServer
from desk.site import Resource, Site
from scrapers.discovery.sitemaps import SitemapChild
from tests.desk.conftest import is_one_sentence

HERALD = "http://herald.example/"
DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def web():
    with SiteServer([*build(NOW), archive()]) as server:
        yield server


@pytest.fixture
def add(call, web):
    def added(*args):
        return call("source", "add", *args, "--proxy", web.proxy, "--json")

    return added


def archive():
    """A site with a feed of today, and a sitemap index with one file for each of ten years."""
    site = Site("archive.example")
    feed = f"<item><title>Today</title><link>{site.url}today</link><pubDate>{NOW:%a, %d %b %Y %T} +0000</pubDate></item>"
    body = f"<rss version='2.0'><channel><title>Archive</title><link>{site.url}</link>{feed}</channel></rss>"
    site.put("/feed.xml", Resource(body=body.encode(), content_type="application/rss+xml"))
    link = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    site.put("/", Resource(body=f"<html><head><title>Archive</title>{link}</head><body>Old news</body></html>".encode()))
    children = []
    for year in range(2010, 2020):
        pages = "".join(
            f"<url><loc>{site.url}{year}/{month:02}</loc><lastmod>{year}-{month:02}-15</lastmod></url>" for month in range(1, 13)
        )
        undated = f"<url><loc>{site.url}{year}/undated</loc></url>"
        site.put(f"/{year}.xml", _xml(f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{pages}{undated}</urlset>"))
        children.append(f"<sitemap><loc>{site.url}{year}.xml</loc><lastmod>{year}-12-31</lastmod></sitemap>")
    index = "".join([*children, f"<sitemap><loc>{site.url}gone.xml</loc></sitemap>"])
    site.put("/index.xml", _xml(f"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{index}</sitemapindex>"))
    robots = f"User-agent: *\nDisallow:\nSitemap: {site.url}index.xml\n"
    site.put("/robots.txt", Resource(body=robots.encode(), content_type="text/plain"))
    return site


def _xml(body):
    return Resource(body=body.encode(), content_type="application/xml")


def only(records):
    (one,) = records
    return one


def rows(own_store, source_id):
    with own_store.read() as tx:
        return list(tx.conn.execute(select(links).where(links.c.source_id == source_id)))


def test_adding_a_site_finds_its_feed_and_takes_its_items_as_a_baseline(add, call, own_store):
    call("watch", "add", "port", "--name", "harbour")
    added = only(add("http://herald.example").records)
    assert added["name"] == "The Harbour Herald"
    assert [(each["kind"], each["url"]) for each in added["endpoints"]] == [("feed", HERALD + "feed.xml")]
    assert added["baseline"] == added["endpoints"][0]["items"] > 5
    assert added["alerting"] == added["late"] == 0
    harbour = only(added["watches"])
    assert harbour["watch"] == "harbour"
    assert "port" in harbour["example"].lower()
    found = rows(own_store, added["id"])
    assert len(found) == added["baseline"]
    assert all(row.baseline and row.state == "found" and row.due_at for row in found)
    with own_store.read() as tx:
        endpoint = only(sources.endpoints_of(tx, added["id"]))
        assert sources.get(tx, added["id"]).baseline_at is not None
    assert endpoint.read_at
    assert endpoint.due_at > endpoint.read_at


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("vestnik.example", "feed"),
        ("al-mashriq.example", "feed"),
        ("le-courrier.example", "section"),
        ("bogaz.example", "sitemap"),
    ],
)
def test_feeds_sitemaps_and_sections_are_found_by_themselves(add, host, kind):
    added = only(add(f"http://{host}").records)
    assert [each["kind"] for each in added["endpoints"]] == [kind]
    assert added["baseline"] >= 5


def test_alert_since_all_alerts_for_what_is_already_there(add):
    added = only(add(HERALD, "--alert-since", "all").records)
    assert added["baseline"] == 0
    assert added["alerting"] == added["endpoints"][0]["items"]


def test_alert_since_alerts_for_the_newest_alone(add):
    added = only(add(HERALD, "--alert-since", "1h").records)
    assert added["baseline"] > 0
    assert added["alerting"] > 0
    assert added["baseline"] + added["alerting"] == added["endpoints"][0]["items"]


def test_every_sets_the_rhythm(add, own_store):
    added = only(add(HERALD, "--every", "90s").records)
    with own_store.read() as tx:
        assert sources.get(tx, added["id"]).every_seconds == 90
        assert only(sources.endpoints_of(tx, added["id"])).interval_seconds == 90


def test_one_that_is_down_stops_no_other(add, call):
    done = add("http://nowhere.example", HERALD, "http://")
    assert done.code == 1
    assert [("error" in each) for each in done.records] == [True, False, True]
    assert [each["name"] for each in call("source", "list", "--json").records] == ["The Harbour Herald"]
    lines = done.err.strip().split("\n")
    assert lines[-1] == "copytaster: 2 of 3 sites were not added."
    assert "nowhere.example" in lines[-3]


def test_headers_cookies_and_agent_go_to_the_site_and_are_kept(add, web, own_store):
    before = len(web.requests())
    options = ("--header", "X-Key: abc: d", "--cookie", "session=1=2", "--user-agent", "mybot/2 (+https://me.example)")
    added = only(add("http://vestnik.example", *options).records)
    asked = [each for each in web.requests()[before:] if each.path == "/feed.json"]
    assert {each.headers["x-key"] for each in asked} == {"abc: d"}
    assert {each.headers["cookie"] for each in asked} == {"session=1=2"}
    assert {each.headers["user-agent"] for each in asked} == {"mybot/2 (+https://me.example)"}
    with own_store.read() as tx:
        source = sources.get(tx, added["id"])
    assert (source.headers, source.cookies) == ({"X-Key": "abc: d"}, {"session": "1=2"})
    assert source.proxy == web.proxy


def test_each_document_is_asked_for_once(add, web):
    before = len(web.requests())
    add("http://vestnik.example")
    paths = [each.path for each in web.requests()[before:]]
    assert len(paths) == len(set(paths)), paths


def test_a_source_added_again_keeps_its_baseline_and_takes_nothing_twice(add, call):
    assert only(add(HERALD).records)["new"]
    again = only(add(HERALD).records)
    assert not again["new"]
    assert again["baseline"] == again["alerting"] == 0
    assert len(call("source", "list", "--json").records) == 1


def test_a_test_shows_what_would_be_found_and_writes_nothing(call, web, folder):
    done = call("source", "test", "http://bogaz.example", "--proxy", web.proxy)
    assert done.code == 0
    assert "http://bogaz.example/news-sitemap.xml" in done.out
    assert not (folder / "copytaster-data").exists()
    assert only(call("source", "test", HERALD, "--proxy", web.proxy, "--json").records)["endpoints"]


def test_a_source_is_paused_resumed_and_removed_by_any_of_its_names(add, call):
    source_id = only(add(HERALD).records)["id"]
    for name, command, state in [
        ("The Harbour Herald", "pause", "paused"),
        ("herald.example", "resume", "ok"),
        (source_id, "pause", "paused"),
        ("http://herald.example", "resume", "ok"),
    ]:
        assert call("source", command, name).code == 0
        assert only(call("source", "list", "--json").records)["health"] == state
    assert call("source", "remove", HERALD).code == 0
    assert call("source", "list", "--json").records == []
    assert is_one_sentence(call("source", "remove", HERALD).err)


def test_a_list_tells_the_trouble_of_a_failing_source(add, call, own_store):
    source_id = only(add(HERALD).records)["id"]
    with own_store.write() as tx:
        endpoint = only(sources.endpoints_of(tx, source_id))
        sources.note_reading(tx, endpoint.id, {"failures": 3, "last_error": "The site blocks us.", "due_at": tx.now})
    listed = only(call("source", "list", "--json").records)
    assert (listed["health"], listed["failures"], listed["last_error"]) == ("failing", 3, "The site blocks us.")
    assert "The site blocks us." in call("source", "list").out
    assert "1 failing" in call("status").out


def test_an_export_names_every_source_and_its_feed(add, call):
    add(HERALD, "http://le-courrier.example")
    exported = call("source", "export").out
    assert 'xmlUrl="http://herald.example/feed.xml"' in exported
    assert {entry.url for entry in opml.read(exported.encode())} == {HERALD, "http://le-courrier.example/"}


def test_an_opml_of_another_reader_is_read_with_its_folders_and_names():
    text = """<?xml version="1.0"?><!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]><opml version="1.0"><body>
      <outline text="News"><outline text="A &amp; B" xmlUrl="https://a.example/rss"/>
      <outline title="&x;" xmlUrl=" https://b.example/ "/>
      <outline text="again" xmlUrl="https://a.example/rss"/></outline><outline text="no feed"/></body></opml>"""
    assert opml.read(text.encode()) == [opml.Entry("https://a.example/rss", "A & B"), opml.Entry("https://b.example/")]


def test_what_is_written_as_opml_is_read_back_whatever_the_names():
    listed = [opml.Listed("https://a.example/?x=1&y=2", 'a "<&>\x00\x1b\u2028 名', ["https://a.example/rss"])]
    assert [entry.url for entry in opml.read(opml.write(listed).encode())] == ["https://a.example/?x=1&y=2"]


def test_feeds_of_an_import_are_added_under_the_names_that_they_have_there(call, folder, httpserver):
    url = httpserver.url_for("/rss")
    item = f"<item><title>a</title><link>{httpserver.url_for('/a')}</link></item>"
    httpserver.expect_request("/rss").respond_with_data(
        f"<rss version='2.0'><channel><title>x</title>{item}</channel></rss>", content_type="application/rss+xml"
    )
    outlines = f'<outline text="My feed" xmlUrl="{url}"/><outline text="dead" xmlUrl="http://127.0.0.1:9/rss"/>'
    (folder / "feeds.opml").write_text(f"<opml><body>{outlines}</body></opml>")
    done = call("source", "import", "feeds.opml")
    assert done.code == 1
    assert "127.0.0.1:9" in done.err
    assert only(call("source", "list", "--json").records)["name"] == "My feed"


def test_a_backfill_takes_what_its_sitemaps_hold_in_the_range_and_never_alerts(add, call, own_store):
    source_id = only(add("http://archive.example").records)["id"]
    done = call("source", "backfill", "archive.example", "--from", "2014-06-01", "--to", "2015-03-01", "--json")
    assert done.code == 0, done
    filled = only(done.records)
    assert (filled["within"], filled["added"]) == (9, 9)
    assert filled["undated"] == 6  # of the files that may reach into the range: 2014 to 2019
    assert [refused[0] for refused in filled["refused"]] == ["http://archive.example/gone.xml"]
    past = [row for row in rows(own_store, source_id) if row.priority == BACKFILL]
    assert len(past) == 9
    assert all(row.baseline and row.due_at for row in past)
    again = only(call("source", "backfill", "archive.example", "--from", "2014-06-01", "--to", "2015-03-01", "--json").records)
    assert (again["within"], again["added"]) == (9, 0)


def test_a_backfill_without_a_range_takes_everything(add, call):
    add("http://archive.example")
    filled = only(call("source", "backfill", "archive.example", "--json").records)
    assert filled["within"] == 10 * 13 + 1
    assert filled["added"] == 10 * 13


def test_a_backfill_fetches_what_the_baseline_left(add, call, own_store):
    source_id = only(add(HERALD).records)["id"]
    with own_store.write() as tx:
        some = [row.id for row in tx.conn.execute(select(links.c.id).limit(3))]
        tx.conn.execute(update(links).where(links.c.id.in_(some)).values(due_at=None))
        assert sorted(health.unfetched(tx, some)) == sorted(some)
    assert only(call("source", "backfill", HERALD, "--json").records)["added"] == 3
    assert all(row.due_at and row.baseline for row in rows(own_store, source_id))


def test_a_sitemap_that_changed_last_before_the_range_is_not_read():
    def child(moment):
        from copytaster.news import Printed

        return SitemapChild("https://a.example/1.xml", Printed(moment) if moment else None)

    wanted = Range(begin=NOW)
    assert wanted.may_hold(child(None))
    assert wanted.may_hold(child(NOW - DAY / 2))
    assert not wanted.may_hold(child(NOW - 2 * DAY))
    assert Range(end=NOW).may_hold(child(NOW - 2 * DAY))


def test_json_of_every_list_is_one_object_a_line(add, call):
    add(HERALD, "http://vestnik.example")
    lines = call("source", "list", "--json").out.split("\n")
    assert [json.loads(line)["state"] for line in lines[:-1]] == ["active", "active"]
    assert lines[-1] == ""
