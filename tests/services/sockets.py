"""Servers of bare sockets, for answers that no well-behaved server can be made to give."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def raw_server(serve: Callable[[socket.socket, threading.Event], object]) -> Iterator[str]:
    """A socket server that gives each connection, after its request's head, to ``serve``; yields its URL."""
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    try:
                        serve(connection, stopped)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
