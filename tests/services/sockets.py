"""Servers of bare sockets, for answers that no well-behaved server can be made to give."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

Serve = Callable[[socket.socket], None]


@contextlib.contextmanager
def raw(serve: Serve, host: str = "127.0.0.1") -> Iterator[tuple[str, list[float]]]:
    """A server of sockets, each in a thread of its own: ``host:port``, and the instants of the connections that came."""
    came: list[float] = []

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(120)
            serve(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            came.append(time.time())
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    with socket.create_server((host, 0), backlog=64) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"{host}:{listener.getsockname()[1]}", came
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@contextlib.contextmanager
def raw_server(serve: Callable[[socket.socket, threading.Event], object]) -> Iterator[str]:
    """The same for HTTP: ``serve`` gets each connection after its request's head; yields the server's URL."""
    stopped = threading.Event()

    def after_the_head(connection: socket.socket) -> None:
        connection.recv(65_536)
        serve(connection, stopped)

    with raw(after_the_head) as (place, _):
        yield f"http://{place}/hook"
        stopped.set()
