"""A name server over UDP whose every name moves: to a permitted address at one asking, to the canary's at the next.

`behind` puts it in front of the resolver of one command, in a mount namespace of its own (root only).
"""

import contextlib
import os
import pathlib
import socket
import subprocess
import threading
from collections.abc import Iterator

PLACE = "127.0.63.53"  # nobody else's; port 53, for resolv.conf knows no other
ANSWERS = ("127.0.64.1", "127.0.0.1")


def possible() -> bool:
    """Whether this machine lets us have a resolv.conf of our own."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


@contextlib.contextmanager
def serving() -> Iterator[list[str]]:
    """The names that were asked for, as they are asked."""
    asked: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((PLACE, 53))
        sock.settimeout(0.1)
        over = threading.Event()
        thread = threading.Thread(target=_serve, args=(sock, asked, over))
        thread.start()
        try:
            yield asked
        finally:
            over.set()
            thread.join()


def _serve(sock: socket.socket, asked: list[str], over: threading.Event) -> None:
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            question, peer = sock.recvfrom(512)
            answer, name, is_address = _answered(question, ANSWERS[len(asked) % len(ANSWERS)])
            if is_address:
                asked.append(name)
            sock.sendto(answer, peer)


def _answered(question: bytes, ip: str) -> tuple[bytes, str, bool]:
    """An A record that lives for no time, or no record for whatever else was asked (AAAA)."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    end = at + 5
    is_address = question[at + 1 : at + 3] == b"\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(ip) if is_address else b""
    head = question[:2] + b"\x85\x80\0\1" + (b"\0\1" if is_address else b"\0\0") + b"\0\0\0\0"
    return head + question[12:end] + record, ".".join(labels), is_address


def behind(command: list[str], folder: str) -> list[str]:
    """The command, with our server as its only one."""
    own = pathlib.Path(folder) / "resolv.conf"
    own.write_text(f"nameserver {PLACE}\noptions timeout:1 attempts:1\n", "ascii")
    return ["unshare", "-m", "sh", "-c", f'mount --bind {own} /etc/resolv.conf && exec "$@"', "sh", *command]
