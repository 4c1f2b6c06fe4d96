"""What stands between a name and a connection, and what a request says of us."""

import gzip
import zlib

import pytest
from twisted.internet.address import IPv4Address, IPv6Address

from copytaster.errors import Rejected
from copytaster.guard import Guard
from scrapers.download import _GuardedReceiver
from scrapers.middlewares import Cookie, parse_cookie, unpack
from scrapers.proxies import split_proxy


class Resolved:
    """Takes what a resolver gives on."""

    def __init__(self):
        self.addresses, self.done = [], False

    def resolutionBegan(self, resolution):  # noqa: N802
        return

    def addressResolved(self, address):  # noqa: N802
        self.addresses.append(address.host)

    def resolutionComplete(self):  # noqa: N802
        self.done = True


def resolve(*addresses, allow=()):
    inner, verdicts = Resolved(), {}
    receiver = _GuardedReceiver(inner, "news.example", Guard(allow), verdicts)
    for address in addresses:
        kind = IPv6Address if ":" in address else IPv4Address
        receiver.addressResolved(kind("TCP", address, 80))
    receiver.resolutionComplete()
    assert inner.done
    return inner.addresses, verdicts


def test_public_addresses_pass_in_their_order():
    assert resolve("93.184.215.14", "2606:2800:21f:cb07::1") == (["93.184.215.14", "2606:2800:21f:cb07::1"], {})


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"]
)
def test_one_private_address_among_public_ones_refuses_them_all(address):
    addresses, verdicts = resolve("93.184.215.14", address)
    assert addresses == []
    assert verdicts["news.example"].reason == "private_address"


def test_what_the_operator_allows_passes():
    assert resolve("10.1.2.3", allow=["10.0.0.0/8"])[0] == ["10.1.2.3"]


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "localhost", "a.localhost"])
def test_literals_and_localhost_are_refused_even_behind_a_proxy(host):
    with pytest.raises(Rejected, match="not a public address"):
        Guard().check_literal(host)


def test_names_are_left_to_the_resolver():
    Guard().check_literal("news.example")


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_whole():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(200_000_000)) + packer.flush()
    with pytest.raises(Rejected) as refused:
        unpack(bomb, "http://a.example/")
    assert refused.value.reason == "too_big"


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda data: zlib.compress(data)[2:-4]])
def test_gzip_zlib_and_raw_deflate_are_unpacked(pack):
    assert unpack(pack(b"news" * 100), "http://a.example/")[0] == b"news" * 100


def test_a_cut_answer_is_read_as_far_as_it_goes_and_not_taken_as_whole():
    body, whole = unpack(gzip.compress(b"news" * 10_000)[:-12], "http://a.example/")
    assert body.startswith(b"news")
    assert not whole


def test_what_cannot_be_unpacked_is_refused_with_a_sentence():
    with pytest.raises(Rejected, match="can't be unpacked"):
        unpack(b"\x07 no gzip", "http://a.example/")


@pytest.mark.parametrize(
    ("line", "name", "cookie"),
    [
        ("a=1; Path=/; HttpOnly", "a", Cookie("1")),
        ("a=1; Secure", "a", Cookie("1", secure=True)),
        ("a=; Max-Age=0", "a", None),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a", None),
        ("nonsense", "nonsense", None),
        ("a=" + "x" * 5_000, "a", None),
        ("a=1\x00", "a", None),
        ("token=a=b", "token", Cookie("a=b")),
    ],
)
def test_cookies_are_read_as_sites_write_them(line, name, cookie):
    assert parse_cookie(line) == (name, cookie)


def test_the_login_of_a_proxy_travels_in_a_header_and_not_in_its_address():
    assert split_proxy("http://me:p%40ss@proxy.example:3128") == ("http://proxy.example:3128", b"bWU6cEBzcw==")
    assert split_proxy("proxy.example:3128") == ("http://proxy.example:3128", None)
