"""No way to write a private address leads a webhook, a chat, a hub, a source or a redirect of any of them to the canary."""

import datetime as dt
import socket
from types import SimpleNamespace

import pytest
from werkzeug import Response

from copytaster import outbound
from copytaster.config import Config, GuardConfig
from copytaster.errors import CopytasterError, Permanent, Rejected, Transient
from copytaster.guard import Guard
from copytaster.watches import Channel, Message
from desk.fetching import Fetcher, Manner, whole
from tests.security.canary import ALLOWED, ELSEWHERE, LOOPBACK, Located
from workers import websub
from workers.notifiers import Notifiers, Outbox

pytestmark = pytest.mark.slow  # a minute and a half in all: a thousand small ones
NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
OPEN = ["0.0.0.0/0", "::/0"]
AUTHORITIES = [pytest.param(each, id=ascii(each)) for each in (*LOOPBACK, *ELSEWHERE)]
# Each makes requests of its own to a host that its URL names, by requests, smtplib, sockets, paho or asyncio.
CHATS = {
    "json": "json://{at}/a",
    "jsons": "jsons://{at}/a",
    "xml": "xml://{at}/a",
    "form": "form://{at}/a",
    "form with redirects": "form://{at}/a?redirect=yes",
    "apprise": "apprise://{at}/" + "a" * 32,
    "bark": "bark://{at}/devicekey",
    "emby": "emby://user:password@{at}",
    "enigma2": "enigma2://{at}",
    "gotify": "gotify://{at}/token",
    "growl": "growl://{at}",
    "hassio": "hassio://{at}/" + "b" * 32,
    "jellyfin": "jellyfin://user:password@{at}",
    "kodi": "kodi://{at}",
    "lametric": "lametric://" + "c" * 32 + "@{at}",
    "mailtos": "mailtos://user:password@{at}?from=a@example.org&to=b@example.org&smtp={at}",
    "matrix": "matrix://user:password@{at}/room",
    "mattermost": "mmost://{at}/" + "d" * 26,
    "mqtt": "mqtt://{at}/topic",
    "nextcloud": "ncloud://user:password@{at}/to",
    "nextcloudtalk": "nctalk://user:password@{at}/room",
    "ntfy": "ntfy://{at}/topic",
    "ntfy with an icon": "ntfy://{at}/topic?attach=http://{at}/icon",
    "rocketchat": "rocket://user:password@{at}/room",
    "rsyslog": "rsyslog://{at}",
    "signal": "signal://{at}/+15551234567/+15557654321",
    "synology": "synology://{at}/token",
    "vapid": "vapid://a@example.org/b@example.org?subfile=http://{at}/",
    "xmpp": "xmpp://user:password@{at}/a@example.org",
    "irc": "irc://{at}/channel",
}


def at(authority, canary):
    return authority.replace("{p}", str(canary.port))


def message(url):
    channel = Channel(id="c", owner_id="o", url=url, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    payload = {"type": "copytaster.notice", "id": "m", "timestamp": "", "kind": "notice", "title": "A", "text": "B", "items": []}
    return Message(id="m", channel=channel, payload=payload, created_at=NOW)


def sent(url, guard):
    """What ``watch add`` and a worker do; the sentence of the refusal, or None where it went out."""
    notifiers = Notifiers(Outbox(guard=guard, secret="s"))
    try:
        notifiers.send(message(url))
    except (Transient, Permanent, Rejected) as error:
        return str(error)
    finally:
        notifiers.close()
    return None


def checked(url, guard):
    try:
        Notifiers(Outbox(guard=guard, secret="s")).check(url)
    except Rejected as error:
        return str(error)
    return None


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_no_webhook_reaches_a_private_address_however_it_is_written(authority, unreached, guard):
    url = f"http://{at(authority, unreached)}/hook"
    assert checked(url, guard)
    assert sent(url, guard)


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_no_source_that_is_added_reaches_a_private_address(authority, unreached):
    config = Config(guard=GuardConfig(allow=(ALLOWED,)))
    for url in (f"http://{at(authority, unreached)}/", at(authority, unreached)):
        with Fetcher(config, Manner()) as fetch, pytest.raises(CopytasterError) as refused:
            fetch(whole(url))
        assert str(refused.value)


@pytest.mark.parametrize("authority", AUTHORITIES)
@pytest.mark.parametrize("status", [301, 307])
def test_no_redirect_leads_to_a_private_address(authority, status, unreached, outside, guard):
    location = f"http://{at(authority, unreached)}/"
    outside.expect_request("/").respond_with_response(Located(location, status))
    here = f"http://127.0.64.1:{outside.port}/"
    with outbound.client(guard) as client, pytest.raises((Rejected, Transient)) as refused:  # httpx knows fewer spellings
        outbound.get(client, here)
    assert getattr(refused.value, "reason", "private_address") in ("private_address", "unresolved", "bad_url")
    assert sent(here, guard)  # a webhook follows none


@pytest.mark.parametrize("authority", AUTHORITIES)
@pytest.mark.parametrize("scheme", ["json", "xml", "form"])
def test_no_chat_reaches_a_private_address_however_it_is_written(authority, scheme, unreached, guard):
    assert sent(f"{scheme}://{at(authority, unreached)}/a?redirect=yes", guard)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # rsyslog leaves a socket open
@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::1]", "0"])
def test_no_kind_of_chat_reaches_the_canary(chat, host, unreached, guard):
    assert sent(CHATS[chat].format(at=f"{host}:{unreached.port}"), guard)


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_no_hub_that_a_feed_names_is_asked_at_a_private_address(authority, unreached, guard, caplog):
    row = SimpleNamespace(id="e", url="http://news.example/feed", hub=f"http://{at(authority, unreached)}/", topic="t")
    row.websub_secret = "secret"
    with outbound.client(guard) as client:
        assert not websub._subscribe(client, "https://copytaster.example", row)
    assert "stays without WebSub" in caplog.text


@pytest.mark.parametrize("url", ["json://{0}/a", "http://{0}/", "form://{0}/a", "rsyslog://{0}"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_canary_is_reached_where_the_guard_lets_everything_through(url, host, reached):
    """The counter-check: without the guard each of these ways leads there."""
    sent(url.format(f"{host}:{reached.port}"), Guard([*OPEN, "localhost"]))
    assert wait_for(reached)


def wait_for(canary):
    import time

    until = time.monotonic() + 5
    while not canary.hits and time.monotonic() < until:
        time.sleep(0.02)
    return canary.hits


class Alternating:
    """A name server that an attacker holds: a permitted address at one asking, the canary's at the next."""

    def __init__(self, *answers):
        self.answers, self.asked = answers, 0

    def __call__(self, host, port):
        self.asked += 1
        return [self.answers[(self.asked - 1) % len(self.answers)]]

    def getaddrinfo(self, host, port, *_args, **_kwargs):
        if host != "rebind.example":
            return self.system(host, port, *_args, **_kwargs)
        (ip,) = self(host, port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, int(port or 0)))]

    system = staticmethod(socket.getaddrinfo)


@pytest.mark.parametrize("answers", [("127.0.64.1", "127.0.0.1"), ("127.0.64.1", "127.0.64.1", "127.0.0.1")])
@pytest.mark.parametrize("url", ["http://rebind.example:{p}/", "json://rebind.example:{p}/a", "form://rebind.example:{p}/a"])
def test_a_name_that_turns_to_loopback_after_the_check_leads_nowhere(url, answers, unreached, monkeypatch):
    """Nothing listens at 127.0.64.1 on that port, so each try goes on to look for another address."""
    names = Alternating(*answers)
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    guard = Guard([ALLOWED], resolve=names)
    for _ in range(6):
        checked(url.format(p=unreached.port), guard)
        assert sent(url.format(p=unreached.port), guard)
    assert names.asked > 6


@pytest.mark.parametrize("url", ["syslog://", "gnome://", "dbus://", "macosx://"])
def test_no_chat_speaks_to_the_machine_itself(url, guard):
    assert sent(url, guard)


def test_redirects_behind_a_proxy_to_private_addresses_are_refused(unreached, outside):
    """The proxy is the operator's own choice, but no site may steer it into his network."""
    target = f"http://127.0.0.1:{unreached.port}/"
    outside.expect_request("/").respond_with_response(Response(status=302, headers={"Location": target}))
    proxy = f"http://127.0.64.1:{outside.port}"
    with Fetcher(Config(), Manner(proxy=proxy)) as fetch, pytest.raises(Rejected, match="not a public address"):
        fetch("http://news.example/")
    assert [request.host for request, _ in outside.log] == ["news.example"]
