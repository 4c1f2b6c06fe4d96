"""Which process of this machine serves an address, so that a service's CPU time can be counted. It starts and stops none."""

import ipaddress
import socket
from urllib.parse import urlsplit

import psutil

PORTS = {"http": 80, "https": 443, "postgresql": 5432, "redis": 6379, "rediss": 6379}
FORWARDERS = {"docker-proxy", "rootlessport", "slirp4netns", "ssh"}  # what listens for a service that runs elsewhere


def server_of(url: str) -> psutil.Process | None:
    """The process that listens there; None where it runs on another machine, in a container, or may not be seen."""
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme.partition("+")[0], 0)
    if not port or not _is_here(parts.hostname or "localhost"):
        return None
    try:
        found = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        servers = [psutil.Process(pid) for pid in {each.pid for each in found if getattr(each.laddr, "port", 0) == port} if pid]
        servers = [process for process in servers if process.name() not in FORWARDERS]
    except psutil.Error:
        return None
    return min(servers, key=lambda process: process.create_time(), default=None)  # of a pool the parent, which came first


def _is_here(host: str) -> bool:
    """Whether a name stands for an address of this machine: one that a socket can be bound to."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(_is_bindable(str(address[0]), family) for family, _, _, _, address in found)


def _is_bindable(address: str, family: int) -> bool:
    if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
        return True
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def cpu_seconds(process: psutil.Process) -> float:
    """What it has taken so far, its dead children's included."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)
