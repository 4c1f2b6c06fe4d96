"""A listener that must never be reached, on both loopbacks, and every way we know to write its address.

It owns what counts as a hit and the list of spellings; it must not know who might be talked into coming here.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from werkzeug import Response

PORTS = 2
ALLOWED = "127.0.64.0/18"  # where tests put sites that stand for the public ones: every address but the canary's own


@dataclass
class Canary:
    """``hits`` tells from where each connection or datagram came; ``port`` and ``other_port`` are where it sits."""

    sockets: list[socket.socket]
    ports: list[int]
    hits: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.ports[0]

    def serve(self, over: threading.Event) -> None:
        with selectors.DefaultSelector() as waiting:
            for each in self.sockets:
                waiting.register(each, selectors.EVENT_READ)
            while not over.is_set():
                for key, _ in waiting.select(0.05):
                    self._note(key.fileobj)

    def _note(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if sock.type == socket.SOCK_DGRAM:
                data, peer = sock.recvfrom(2048)
                self.hits.append(f"datagram from {peer}: {data[:60]!r}")
                return
            made, peer = sock.accept()
            with made:
                made.settimeout(0.5)
                data = b""
                with contextlib.suppress(OSError):
                    data = made.recv(200)
                self.hits.append(f"connection from {peer} to {made.getsockname()}: {data[:60]!r}")
                with contextlib.suppress(OSError):
                    made.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")


@contextlib.contextmanager
def canary() -> Iterator[Canary]:
    sockets: list[socket.socket] = []
    ports = []
    try:
        for _ in range(PORTS):
            first = socket.create_server(("127.0.0.1", 0))
            port = first.getsockname()[1]
            ports.append(port)
            sockets += [first, _bound(socket.AF_INET, ("127.0.0.1", port))]
            if socket.has_ipv6:
                sockets.append(socket.create_server(("::1", port), family=socket.AF_INET6))
        made, over = Canary(sockets, ports), threading.Event()
        thread = threading.Thread(target=made.serve, args=(over,))
        thread.start()
        try:
            yield made
        finally:
            over.set()
            thread.join()
    finally:
        for each in sockets:
            each.close()


def _bound(family: int, address: tuple[str, int]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind(address)
    return made


# ``{p}`` is the port. Those that stand for loopback reach the canary where nobody looks; the others are places that no
# machine of ours may be asked for: clouds' metadata, private networks, link-local, multicast, reserved.
LOOPBACK = (
    "127.0.0.1:{p}",
    "127.1:{p}",
    "127.0.1:{p}",
    "127.00.000.01:{p}",
    "0x7f.1:{p}",
    "0x7f.0.0.0x1:{p}",
    "0X7F000001:{p}",
    "0177.0.0.1:{p}",
    "0177.0x0.0.1:{p}",
    "017700000001:{p}",
    "2130706433:{p}",
    "127.0.0.1.:{p}",
    "127.1.:{p}",
    "%31%32%37%2e0%2e0%2e1:{p}",
    "127%2E0%2E0%2E1:{p}",
    "①②⑦.⓪.⓪.①:{p}",
    "127。0。0。1:{p}",
    "127．0．0．1:{p}",
    "127｡0｡0｡1:{p}",
    "𝟏𝟐𝟕.𝟎.𝟎.𝟏:{p}",
    "1２7.0.0.1:{p}",
    "0:{p}",
    "0.0.0.0:{p}",
    "0x0:{p}",
    "[::1]:{p}",
    "[0:0:0:0:0:0:0:1]:{p}",
    "[0000::0001]:{p}",
    "[::]:{p}",
    "[::ffff:127.0.0.1]:{p}",
    "[::ffff:7f00:1]:{p}",
    "[0:0:0:0:0:ffff:7f00:0001]:{p}",
    "[::127.0.0.1]:{p}",
    "[::ffff:0:127.0.0.1]:{p}",
    "[64:ff9b::7f00:1]:{p}",
    "[64:ff9b::127.0.0.1]:{p}",
    "[64:ff9b:1::7f00:1]:{p}",
    "[2002:7f00:1::]:{p}",
    "[2002:7f00:1::1]:{p}",
    "[fe80::1%25lo]:{p}",
    "[::1%25lo]:{p}",
    "localhost:{p}",
    "LOCALHOST:{p}",
    "localhost.:{p}",
    "LocalHost.:{p}",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p}",
    "ｌｏｃａｌｈｏｓｔ:{p}",
    "loc\u00adalhost:{p}",
    "%6c%6f%63alhost:{p}",
    "a.localhost:{p}",
    "example.org@127.0.0.1:{p}",
    "example.org:80@127.0.0.1:{p}",
    "example.org%40@127.0.0.1:{p}",
    "127.0.0.1:{p}#@example.org",
    "127.0.0.1:{p}\\@example.org",
    "127.0.0.1:{p}?@example.org",
    "127.\t0.0\n.1:{p}",
    "\\127.0.0.1:{p}",
)
ELSEWHERE = (
    "169.254.169.254",
    "169.254.43518",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
    "169.254.170.2",
    "100.100.100.200",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.192",
    "10.0.0.1",
    "10.255.255.255",
    "012.1",
    "0xa000001",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.257",
    "[::ffff:10.0.0.1]",
    "[::ffff:c0a8:1]",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
    "224.0.0.251",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "[2001::1]",
    "[2001:db8::1]",
    "[2002:a00:1::1]",
    "[3fff::1]",
    "[100::1]",
)


def spellings(port: int) -> list[str]:
    """Authorities, each of which must be refused."""
    return [each.replace("{p}", str(port)) for each in (*LOOPBACK, *ELSEWHERE)]


class Located(Response):
    """Sends its address as it is; werkzeug would mend it. What is not Latin-1 goes as UTF-8, and no header holds a line break."""

    def __init__(self, target, status=302):
        super().__init__(status=status)
        self.target = target.replace("\n", "").replace("\t", "").encode().decode("latin-1")

    def get_wsgi_headers(self, environ):
        headers = super().get_wsgi_headers(environ)
        headers["Location"] = self.target
        return headers
