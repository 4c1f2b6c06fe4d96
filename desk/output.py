"""What a person or a program sees: JSON lines, tables, sentences, progress, and the end of every command.

It owns both streams and the exit code of an error; it must not know any command. rich is loaded for tables alone.
"""

import contextlib
import datetime as dt
import errno
import io
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO, TypeVar

from copytaster.errors import CopytasterError

# What a news site prints must not steer a terminal: controls, and marks that turn the direction of what follows.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"[\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
T = TypeVar("T")
WIDE = 240  # columns of a table that goes to a file


class _ReaderGone(Exception):
    pass


def prepare() -> None:
    """UTF-8 and ``\\n`` on every stream whatever the locale; what is no text is escaped as JSON would."""
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def _open_closed() -> None:
    """A stream that was closed before we began leads nowhere, and no file that is opened later takes its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  open while the process is


def as_typed(args: Sequence[str]) -> list[str]:
    """Arguments as UTF-8, which they are even where the locale says ASCII or Latin-1."""
    if sys.getfilesystemencoding().lower() in ("utf-8", "utf8"):
        return list(args)
    return [os.fsencode(arg).decode("utf-8", "surrogateescape") for arg in args]


# -- writing ----------------------------------------------------------------------------------------------------------


def record(value: Mapping[str, Any], *, flush: bool = False) -> None:
    """One JSON object on a line of its own."""
    _write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n", flush=flush)


def say(text: str) -> None:
    _write(text + "\n")


def note(text: str) -> None:
    """Beside the output: on stderr, where it spoils no pipe."""
    with contextlib.suppress(OSError):
        print(clean(text), file=sys.stderr, flush=True)


def clean(text: str) -> str:
    """On one line, and harmless to a terminal."""
    return _CONTROLS.sub("�", _BLANKS.sub(" ", text))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Aligned columns; the sentence ``empty`` where there are no rows."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(Text(shown(cell)) for cell in row))
    if not made.row_count:
        say(empty)
        return
    buffer = io.StringIO()
    width = None if _is_terminal(sys.stdout) else WIDE
    colour = "standard" if coloured() else None
    Console(file=buffer, width=width, color_system=colour, force_terminal=coloured(), highlight=False).print(made)  # type: ignore[arg-type]
    for line in buffer.getvalue().splitlines():
        say(line.rstrip())


def shown(value: object) -> str:
    """A cell: an instant as how long ago, nothing as a dash."""
    if value is None or value == "":
        return "–"
    if isinstance(value, dt.datetime):
        return ago(value)
    return clean(str(value))


def ago(moment: dt.datetime) -> str:
    seconds = (dt.datetime.now(dt.UTC) - moment).total_seconds()
    span = lasting(abs(seconds))
    return f"in {span}" if seconds < -1 else f"{span} ago"


def lasting(seconds: float) -> str:
    """``42 s``, ``5 min``, ``3 h``, ``2 d``."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def marked(text: str, marks: Iterable[Sequence[int]]) -> str:
    """A passage with its marked spans in bold, or between ** where no colours are shown."""
    begin, end = ("\x1b[1;33m", "\x1b[0m") if coloured() else ("**", "**")
    parts, at = [], 0
    for start, stop in sorted((mark[0], mark[1]) for mark in marks):
        if start >= at:
            parts += [clean(text[at:start]), begin, clean(text[start:stop]), end]
            at = stop
    return "".join([*parts, clean(text[at:])])


def coloured() -> bool:
    return _is_terminal(sys.stdout) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def count(steps: Iterable[int], doing: str, *, total: int | None = None) -> None:
    """Goes through all steps, each telling how much it did, with a bar as of ``progress``."""
    for _ in progress((one for step in steps for one in range(step)), doing, total=total):
        pass


def progress(items: Iterable[T], doing: str, *, total: int | None = None) -> Iterator[T]:
    """The items one by one, with a bar on stderr where that is a terminal; how far it is where nobody knows the total."""
    if not _is_terminal(sys.stderr):
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    # Redirected to the bar's stream, lines of a terminal go above the bar; lines of a pipe must stay in the pipe.
    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=_is_terminal(sys.stdout)) as bar:
        yield from bar.track(items, total=total, description=clean(doing))


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _plain(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.time):
        return value.isoformat("minutes")
    return list(value) if isinstance(value, (set, frozenset, tuple)) else str(value)


def _write(text: str, *, flush: bool = False) -> None:
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except BrokenPipeError:
        raise _ReaderGone from None


# -- ending -----------------------------------------------------------------------------------------------------------


def ended(work: Callable[[], None]) -> int:
    """Does the work and gives the exit code; what a person can cause is one sentence on stderr, never a traceback."""
    try:
        code = _code(work)
        sys.stdout.flush()
    except (_ReaderGone, BrokenPipeError):
        _drop_output()
        return 0  # as with ``| head``: nobody wanted more
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  the outermost border
        if isinstance(error, OSError):
            _drop_output()
        return _failed(error)
    return code


def _code(work: Callable[[], None]) -> int:
    try:
        work()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _failed(error: Exception) -> int:
    sentence = explained(error)
    if sentence is None:
        with contextlib.suppress(OSError):
            traceback.print_exc()
        sentence = "This is a fault of copytaster itself; please report it with the lines above."
    note(f"copytaster: {sentence}")
    return 1


def explained(error: Exception) -> str | None:
    """One clear sentence for what daily life brings; None for what only a fault of ours can be."""
    if isinstance(error, CopytasterError):
        return str(error)
    if isinstance(error, OSError):
        return _os_sentence(error)
    if isinstance(error, UnicodeEncodeError) and error.encoding != "utf-8":
        return f"The locale's {error.encoding} has no letter for {error.object!r}: set LC_ALL to C.UTF-8."
    if isinstance(error, UnicodeEncodeError):  # an argument that is no text; nothing that we keep holds half a letter
        return f"{ascii(error.object)[:80]} is no text in UTF-8; check how it was typed."
    if type(error).__module__ == "sqlalchemy.exc":  # not imported for this: whoever raises it has done so
        return f"The database refuses: {str(error).splitlines()[0]}. Is store.url a database of copytaster's?"
    return None


def _os_sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}the disk is full; free some space and try again, nothing is lost."
    if error.errno == errno.EACCES:
        return f"{where}permission denied; check who owns it."
    if error.errno == errno.ENOENT and error.filename:
        return f"{where}there is no such file or folder; check the path."
    return f"{where}{error.strerror or error}."


def _drop_output() -> None:
    """What is still buffered can't be written; without this Python would try again at its end, and complain."""
    with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
