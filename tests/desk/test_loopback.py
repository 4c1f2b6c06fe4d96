"""The loopback server behaves like many real sites behind one proxy."""

import contextlib
import ctypes
import datetime as dt
import gzip
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from desk.loopback import Resource, Site, SiteServer
from desk.site import answer

LONG = "<p>Nothing happened in the harbour today.</p>" * 50
CHANGED_AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


def sites() -> list[Site]:
    home = Resource(body=LONG.encode(), last_modified=CHANGED_AT)
    return [
        Site("herald.example", {"/": home, "/old": Resource.redirect("http://herald.example/"), "/n?id=3": home}),
        Site("vestnik.example", {"/": Resource(body=b"short"), "/down": Resource(status=503, body=b"later")}),
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[SiteServer]:
    with SiteServer(sites()) as running:
        yield running


@pytest.fixture
def client(server: SiteServer) -> Iterator[httpx.Client]:
    with httpx.Client(proxy=server.proxy) as http:
        yield http


def test_two_hosts_behind_one_port_stay_apart(client: httpx.Client) -> None:
    assert client.get("http://herald.example/").text == LONG
    assert client.get("http://vestnik.example/").text == "short"


def test_a_direct_request_is_told_apart_by_its_host_header(server: SiteServer) -> None:
    assert httpx.get(server.proxy, headers={"Host": "vestnik.example"}).text == "short"


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://herald.example/old", 301),
        ("http://herald.example/none", 404),
        ("http://herald.example/robots.txt", 404),
        ("http://vestnik.example/down", 503),
        ("http://unknown.example/", 502),
    ],
)
def test_every_status_comes_as_described(client: httpx.Client, url: str, status: int) -> None:
    assert client.get(url).status_code == status


def test_only_reading_is_allowed(client: httpx.Client) -> None:
    assert client.post("http://herald.example/").status_code == 405


def test_head_gives_the_length_without_the_body(client: httpx.Client) -> None:
    reply = client.head("http://vestnik.example/")
    assert (reply.headers["content-length"], reply.content) == ("5", b"")


def test_a_query_may_be_added_or_dropped_as_on_real_sites(client: httpx.Client) -> None:
    for path in ("/?utm_source=feed", "/n?id=3", "/n"):
        assert client.get("http://herald.example" + path).text == LONG


def test_an_escaped_path_and_a_plain_one_are_the_same_address() -> None:
    site = Site("a.example", {"/خبر": Resource(body=b"x")})
    assert site.find("/%D8%AE%D8%A8%D8%B1") is site.find("/خبر") is not None


def test_an_unchanged_page_is_304_by_either_validator(client: httpx.Client) -> None:
    first = client.get("http://herald.example/")
    for validator in (
        {"If-None-Match": first.headers["etag"]},
        {"If-None-Match": '"other", ' + first.headers["etag"].removeprefix("W/")},
        {"If-Modified-Since": first.headers["last-modified"]},
    ):
        again = client.get("http://herald.example/", headers=validator)
        assert (again.status_code, again.content) == (304, b"")


def test_a_wrong_etag_beats_a_right_date() -> None:
    page = Resource(body=b"x", last_modified=CHANGED_AT)
    asked = {"if-none-match": '"stale"', "if-modified-since": "Sun, 01 Mar 2026 12:00:00 GMT"}
    assert answer(page, "GET", asked).status == 200
    assert answer(page, "GET", {"if-modified-since": "no date"}).status == 200


def test_gzip_only_where_it_is_asked_for_and_saves_something() -> None:
    long, asked = Resource(body=LONG.encode()), {"accept-encoding": "gzip, br"}
    zipped = answer(long, "GET", asked)
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == long.body
    assert answer(long, "GET", {}).body == long.body
    assert "Content-Encoding" not in answer(Resource(body=b"short"), "GET", asked).headers
    archive = Resource(body=bytes(2000), content_type="application/gzip")
    assert answer(archive, "GET", asked).body == archive.body


def test_a_page_changes_while_it_is_served(server: SiteServer, client: httpx.Client) -> None:
    server.put("new.example", "/", Resource(body=b"first"))
    before = client.get("http://new.example/")
    server.put("new.example", "/", Resource(body=b"second"))
    after = client.get("http://new.example/", headers={"If-None-Match": before.headers["etag"]})
    server.remove("new.example", "/")
    assert (before.text, after.text) == ("first", "second")
    assert client.get("http://new.example/").status_code == 404


def test_requests_are_recorded_in_order_with_their_status(server: SiteServer, client: httpx.Client) -> None:
    seen = len(server.requests())
    client.get("http://vestnik.example/down?x=1", headers={"User-Agent": "reader"})
    client.get("http://vestnik.example/")
    first, second = server.requests()[seen:]
    assert (first.host, first.path, first.status) == ("vestnik.example", "/down?x=1", 503)
    assert first.headers["user-agent"] == "reader"
    assert second.status == 200
    assert first.at <= second.at


def read_to_the_end(client: socket.socket) -> None:
    while not (data := client.recv(1_000)).endswith(b"short"):
        assert data, "the server hung up"


@pytest.mark.skipif(sys.platform != "linux", reason="the instant is the one that Linux keeps of each connection")
def test_a_request_counts_from_when_it_came_however_late_it_was_read() -> None:
    ask = b"GET / HTTP/1.1\r\nHost: vestnik.example\r\n\r\n"
    with SiteServer(sites()) as server, socket.create_connection(("127.0.0.1", int(server.proxy.rpartition(":")[2]))) as client:
        client.sendall(ask)
        read_to_the_end(client)  # the connection is open now
        libc, sent_at = ctypes.PyDLL(None), dt.datetime.now(dt.UTC)  # no other thread of this process gets a turn in its calls
        libc.send(client.fileno(), ask, len(ask), 0)
        libc.usleep(400_000)
        read_to_the_end(client)
        _, late = server.requests()
    assert late.began is not None
    assert abs(late.began - sent_at) < dt.timedelta(seconds=0.1)
    assert late.at - sent_at > dt.timedelta(seconds=0.3)


def test_paced_pages_come_no_faster_than_asked_and_the_rest_at_once() -> None:
    page = Resource(body=b"x", paced=True)
    described = Site("a.example", {f"/{n}": page for n in range(6)} | {"/feed": Resource(body=b"<rss/>")})
    with SiteServer([described], pages_per_second=2) as server, httpx.Client(proxy=server.proxy, timeout=30) as http:
        threads = [threading.Thread(target=http.get, args=(f"http://a.example/{n}",)) for n in range(6)]
        for thread in threads:
            thread.start()
        http.get("http://a.example/feed")
        for thread in threads:
            thread.join()
        answered = server.requests()
    paced = [request.at for request in answered if request.path != "/feed"]
    assert (paced[-1] - paced[0]).total_seconds() >= 2.4  # five gaps of 0.5 s, less the clock's grain
    assert answered[-1].path != "/feed"


@pytest.mark.slow
def test_a_held_answer_does_not_hold_up_the_stop() -> None:
    server = SiteServer([Site("a.example", {"/": Resource(delay_seconds=60)})]).start()
    with pytest.raises(httpx.ReadTimeout):
        httpx.get("http://a.example/", proxy=server.proxy, timeout=0.1)
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 5


def test_a_server_in_its_own_process_is_changed_and_read_through_the_same_methods() -> None:
    with SiteServer.start_process(sites(), pages_per_second=100) as server:
        server.put("late.example", "/", Resource(body=b"late"))
        assert httpx.get("http://late.example/", proxy=server.proxy).text == "late"
        server.remove("late.example", "/")
        assert httpx.get("http://late.example/", proxy=server.proxy).status_code == 404
        assert [request.status for request in server.requests()] == [200, 404]
    with pytest.raises(httpx.ConnectError):
        httpx.get("http://herald.example/", proxy=server.proxy)


def test_a_server_of_its_own_process_ends_when_its_parent_is_killed() -> None:
    script = "from desk.loopback import SiteServer; print(SiteServer.start_process().proxy, flush=True); input()"
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout
        port = int(parent.stdout.readline().rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            parent.kill()
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
