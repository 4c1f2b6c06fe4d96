"""The console script: arguments in, an exit code out (0 done, 1 failed, 2 wrong usage).

It owns what is answered before any library is loaded; it must not know what any command does.
"""

import os
import sys
from collections.abc import Sequence

from desk import output
from desk.overview import overview


def main(args: Sequence[str] | None = None) -> None:
    """The console script. Always ends with SystemExit."""
    output.prepare()
    given = output.as_typed(sys.argv[1:] if args is None else args)
    if "_COPYTASTER_COMPLETE" not in os.environ and given in ([], ["--help"], ["--version"]):
        code = output.ended(lambda: _print_short(given))
    else:
        code = output.ended(lambda: _run(given))
    raise SystemExit(code)


def _print_short(given: Sequence[str]) -> None:
    from copytaster import __version__

    output.say(f"copytaster {__version__}" if given == ["--version"] else overview().rstrip("\n"))


def _run(given: Sequence[str]) -> None:
    from desk.commands.root import root

    root().main(args=list(given), prog_name="copytaster")


if __name__ == "__main__":
    main()
