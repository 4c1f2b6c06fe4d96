"""Addresses that we never reach."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Rejected, Transient
from copytaster.guard import Guard, is_public
from tests.services import running

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.251",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "not an address",
    "",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.0.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("ip", PRIVATE)
def test_no_private_address_is_reached(ip):
    with pytest.raises(Rejected) as refused:
        Guard().check_address(ip)
    assert refused.value.reason == "private_address"


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_are_reached(ip):
    Guard().check_address(ip)


@given(st.ip_addresses(v=4))
def test_nothing_that_python_calls_private_is_public(address):
    if not address.is_global:
        assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_wrapping_an_address_opens_nothing(address):
    for wrapped in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(ipaddress.ip_address(wrapped)) == is_public(address)
    assert not is_public(ipaddress.ip_address(f"::{address}"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://017700000001/",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/latest/meta-data",
        "http://127.0.0.1.:8080/",
        "https://user@10.0.0.1/",
        "http://%31%32%37.0.0.1/",
    ],
)
def test_a_loopback_in_disguise_is_seen_without_a_network(url):
    def no_network(host, port):
        raise AssertionError(host)

    with pytest.raises(Rejected) as refused:
        Guard(resolve=no_network).check_url(url)
    assert refused.value.reason == "private_address"


def test_a_public_literal_needs_no_network():
    assert Guard(resolve=lambda host, port: []).check_url("https://8.8.8.8/x") == ["8.8.8.8"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://8.8.8.8/", "ftp://8.8.8.8/", "nonsense", "data:,a"])
def test_only_http_and_https_are_reached(url):
    with pytest.raises(Rejected) as refused:
        Guard().check_url(url)
    assert refused.value.reason == "bad_url"


def test_one_private_address_among_many_closes_a_host():
    guard = Guard(resolve=lambda host, port: ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(Rejected, match=r"rebind\.example is at 127\.0\.0\.1"):
        guard.check_url("http://rebind.example/")


def test_a_name_that_has_no_address_is_not_allowed():
    with pytest.raises(Rejected) as refused:
        Guard(resolve=lambda host, port: []).check_url("http://nowhere.example/")
    assert refused.value.reason == "unresolved"


def test_localhost_is_resolved_by_the_system_and_refused():
    with pytest.raises(Rejected) as refused:
        Guard().check_url("http://localhost/")
    assert refused.value.reason == "private_address"


def test_the_operator_opens_networks_addresses_and_hosts():
    guard = Guard(["10.0.0.0/8", "[::1]", "Intranet.example", ".lan"], resolve=lambda host, port: ["192.168.1.1"])
    guard.check_address("10.9.8.7")
    guard.check_address("::ffff:10.9.8.7")
    guard.check_address("::1")
    assert guard.check_url("http://intranet.example/") == ["192.168.1.1"]
    assert guard.check_url("http://news.lan:81/") == ["192.168.1.1"]
    for url in ("http://evil-intranet.example/", "http://lan.example/", "http://192.168.1.1/"):
        with pytest.raises(Rejected):
            guard.check_url(url)


def test_a_socket_is_opened_only_to_what_was_checked():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Rejected):
            Guard().connect(("127.0.0.1", port), 1)
        with Guard(["127.0.0.0/8"], resolve=lambda host, p: ["127.0.0.1"]).connect(("mail.example", port), 5) as made:
            assert made.getpeername() == ("127.0.0.1", port)
            server.accept()[0].close()


def test_a_closed_port_is_one_clear_sentence():
    with pytest.raises(Transient, match="Nothing answers at"):
        Guard(["127.0.0.1"]).connect(("127.0.0.1", running.free_port()), 1)
