"""The HTTP client for everything but the crawl."""

import gzip
import socket
import threading
import time

import pytest
from werkzeug import Request, Response

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.guard import Guard
from copytaster.outbound import client, get, send
from tests.services import running

LOCAL = ["127.0.0.1"]


@pytest.fixture
def ask():
    with client(Guard(LOCAL)) as made:
        yield made


@pytest.fixture
def slow_server():
    """Sends one byte of a header at a time until the test ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            made, _ = server.accept()
            with made:
                made.recv(1000)
                made.sendall(b"HTTP/1.1 200 OK\r\n")
                while not over.wait(0.05):
                    try:
                        made.sendall(b"x")
                    except OSError:
                        return

        worker = threading.Thread(target=serve)
        worker.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        over.set()
        worker.join()


def test_an_answer_is_read(ask, httpserver):
    httpserver.expect_request("/a", method="POST", data=b"{}").respond_with_data("ja", headers={"X-Kind": "b"})
    answer = send(ask, "POST", httpserver.url_for("/a"), content=b"{}")
    assert (answer.status, answer.body, answer.headers["x-kind"], answer.truncated) == (200, b"ja", "b", False)


def test_no_private_host_is_asked(httpserver):
    httpserver.expect_request("/").respond_with_data("secret")
    with client(Guard()) as ask, pytest.raises(Rejected) as refused:
        send(ask, "GET", httpserver.url_for("/"))
    assert refused.value.reason == "private_address"
    assert httpserver.log == []


def test_the_connection_goes_to_the_address_that_was_checked(httpserver):
    """DNS that answers differently the second time is never asked a second time."""
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    httpserver.expect_request("/", headers={"Host": f"news.example:{httpserver.port}"}).respond_with_data("ja")
    with client(Guard(LOCAL, resolve=rebinding)) as ask:
        assert send(ask, "GET", f"http://news.example:{httpserver.port}/").body == b"ja"
    assert asked == ["news.example"]


def test_send_follows_no_redirect(ask, httpserver):
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": "/b"}))
    assert send(ask, "POST", httpserver.url_for("/")).status == 302
    assert len(httpserver.log) == 1


def test_get_checks_every_redirect(ask, httpserver):
    inside = f"http://127.0.0.2:{httpserver.port}/"
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": inside}))
    with pytest.raises(Rejected) as refused:
        get(ask, httpserver.url_for("/"))
    assert refused.value.reason == "private_address"


def test_get_follows_redirects_and_says_where_it_ended(ask, httpserver):
    httpserver.expect_request("/").respond_with_response(Response(status=301, headers={"Location": "b?c=1"}))
    httpserver.expect_request("/b").respond_with_data("ja")
    assert get(ask, httpserver.url_for("/")).url == httpserver.url_for("/b?c=1")


def test_a_redirect_loop_ends(ask, httpserver):
    httpserver.expect_request("/").respond_with_response(Response(status=302, headers={"Location": "/"}))
    with pytest.raises(Rejected) as refused:
        get(ask, httpserver.url_for("/"))
    assert refused.value.reason == "redirect_loop"
    assert len(httpserver.log) == 6


def test_a_sources_headers_are_not_shown_to_another_host(httpserver):
    seen = {}

    def answer(request: Request) -> Response:
        seen[request.host.partition(":")[0]] = request.headers.get("Cookie")
        if request.host.startswith("one"):
            return Response(status=302, headers={"Location": f"http://two.example:{httpserver.port}/"})
        return Response("ja")

    httpserver.expect_request("/").respond_with_handler(answer)
    with client(Guard(LOCAL, resolve=lambda host, port: LOCAL)) as ask:
        get(ask, f"http://one.example:{httpserver.port}/", headers={"Cookie": "key=1"})
    assert seen == {"one.example": "key=1", "two.example": None}


def test_cookies_that_are_set_are_not_sent_back(ask, httpserver):
    httpserver.expect_request("/").respond_with_data("ja", headers={"Set-Cookie": "a=b; Path=/"})
    for _ in range(2):
        send(ask, "GET", httpserver.url_for("/"))
    assert [request.headers.get("Cookie") for request, _ in httpserver.log] == [None, None]


def test_a_huge_answer_is_cut(ask, httpserver):
    httpserver.expect_request("/").respond_with_data(b"x" * 1_000_000)
    answer = send(ask, "GET", httpserver.url_for("/"), max_bytes=1000)
    assert (len(answer.body), answer.truncated) == (1000, True)


def test_a_gzip_bomb_is_refused(ask, httpserver):
    bomb = gzip.compress(bytes(50_000_000))
    httpserver.expect_request("/").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(Rejected) as refused:
        get(ask, httpserver.url_for("/"), max_bytes=1_000_000)
    assert refused.value.reason == "too_big"


def test_a_packed_answer_is_unpacked(ask, httpserver):
    httpserver.expect_request("/").respond_with_data(gzip.compress(b"ja"), headers={"Content-Encoding": "gzip"})
    assert get(ask, httpserver.url_for("/")).body == b"ja"


def test_a_broken_packing_is_worth_another_try(ask, httpserver):
    httpserver.expect_request("/").respond_with_data(b"no gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(Transient, match="unpacked"):
        get(ask, httpserver.url_for("/"))


def test_one_byte_at_a_time_ends_at_the_deadline(ask, slow_server):
    start = time.monotonic()
    with pytest.raises(Transient, match="no whole answer within"):
        send(ask, "GET", slow_server, max_seconds=0.5)
    assert time.monotonic() - start < 5


def test_a_site_that_is_down_is_one_clear_sentence(ask):
    with pytest.raises(Transient) as failed:
        send(ask, "GET", f"http://127.0.0.1:{running.free_port()}/path?key=secret")
    assert "secret" not in str(failed.value)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("url", ["nonsense", "ftp://8.8.8.8/", "http://", "http://[::1/"])
def test_what_is_no_http_address_is_never_asked(ask, url):
    with pytest.raises((Permanent, Rejected)):
        send(ask, "GET", url)


def test_the_environment_gives_no_proxy(ask, httpserver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    httpserver.expect_request("/").respond_with_data("ja")
    with client(Guard(LOCAL)) as fresh:
        assert send(fresh, "GET", httpserver.url_for("/")).body == b"ja"


def test_tls_is_checked_against_the_name(httpserver):
    """The plain server can't speak TLS: the handshake must fail, not fall back."""
    with client(Guard(LOCAL)) as ask, pytest.raises(Transient):
        send(ask, "GET", f"https://127.0.0.1:{httpserver.port}/")
