"""The worked example of docs/how-to-add-a-notifier.md is code that works."""

import email.header
import re
from pathlib import Path

import pytest

from copytaster.errors import Permanent, Rejected, Transient
from workers.notifiers import Notifiers, port

PAGE = Path(__file__).parents[3] / "docs/how-to-add-a-notifier.md"


@pytest.fixture(autouse=True)
def example(monkeypatch):
    """The page's code, registered for the length of one test as if its file were in the room."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    port._factory_for("mailto:a@example.org")  # so that the room's own files are registered already
    monkeypatch.setattr(port, "_registry", dict(port._registry))
    exec(compile(code, str(PAGE), "exec"), {"__name__": "ntfy"})
    return code


def test_the_example_is_about_sixty_lines(example):
    assert 50 <= len(example.splitlines()) <= 80


def test_the_example_is_chosen_by_its_scheme_and_sends(httpserver, outbox, message):
    httpserver.expect_request("/topic", method="POST").respond_with_data("{}")
    notifiers = Notifiers(outbox())
    url = f"ntfy://127.0.0.1:{httpserver.port}/topic"
    notifiers.check(url)
    assert notifiers.send(message(url)).detail == "HTTP 200"
    request, _ = httpserver.log[0]
    (title, charset), *_ = email.header.decode_header(request.headers["title"])
    assert title.decode(charset) == "Fatemiyoun: Fatemiyun come home"
    assert request.headers["click"] == "https://news.example.org/1"
    assert "carrying *Fatemiyun* veterans" in request.get_data().decode()
    notifiers.close()


@pytest.mark.parametrize(("status", "failure"), [(403, Permanent), (500, Transient), (302, Transient)])
def test_the_example_tells_answers_apart(httpserver, outbox, message, status, failure):
    httpserver.expect_request("/topic").respond_with_data("", status=status, headers={"Location": "/elsewhere"})
    with pytest.raises(failure, match=str(status)):
        Notifiers(outbox()).send(message(f"ntfy://127.0.0.1:{httpserver.port}/topic"))
    assert len(httpserver.log) == 1


def test_the_example_reaches_no_private_address(httpserver, outbox, message):
    url = f"ntfy://127.0.0.1:{httpserver.port}/topic"
    with pytest.raises(Transient, match="not a public address"):
        Notifiers(outbox(allow=())).send(message(url))
    for refused in (url, "ntfys://8.8.8.8/"):
        with pytest.raises(Rejected) as caught:
            Notifiers(outbox(allow=())).check(refused)
        assert caught.value.reason == "bad_channel"
    assert httpserver.log == []
