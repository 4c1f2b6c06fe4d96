"""Work in a process of its own: a fresh one, or a copy of this one as it is now, so that no measuring changes the next.

It owns those processes and how their results come back; it must not know what is measured.
"""

import multiprocessing
from collections.abc import Callable
from typing import Any, TypeVar

from copytaster.errors import Permanent

T = TypeVar("T")


def in_fresh(work: Callable[..., T], *args: Any) -> T:
    """In a new Python that has read and built nothing yet; ``work`` and ``args`` must be such as pickle takes."""
    return _done(multiprocessing.get_context("spawn"), work, args)


def in_copy(work: Callable[[], T]) -> T:
    """In a copy of this process with all that it holds; what is done to it there, this one does not see."""
    return _done(multiprocessing.get_context("fork"), work, ())


def _done(context: Any, work: Callable[..., T], args: tuple[Any, ...]) -> T:
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(sender, work, args))
    process.start()
    sender.close()
    try:
        done, value = receiver.recv()
    except EOFError:
        process.join()
        raise Permanent(f"A process that measured ended before its time (exit code {process.exitcode}).") from None
    except BaseException:
        process.terminate()
        raise
    finally:
        process.join()
        receiver.close()
    if not done:
        raise value
    result: T = value
    return result


def _tell(sender: Any, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        told = True, work(*args)
    except Exception as error:  # noqa: BLE001  it is raised where the work was asked for
        told = False, error
    sender.send(told)
    sender.close()
