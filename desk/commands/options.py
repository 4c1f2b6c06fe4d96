"""Options that several commands share. It owns their names and help; it must not know the store."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from copytaster.watches import Level
from desk.writing import instant, span_seconds


def reading(parse: Callable[[str], Any]) -> Any:
    """The parser as typer wants it: its sentence is shown, as wrong usage."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


def span(*names: str, help: str) -> Any:  # noqa: A002  typer's own word for it
    return typer.Option(*names, parser=reading(span_seconds), metavar="SPAN", help=help)


def date(*names: str, help: str) -> Any:  # noqa: A002
    return typer.Option(*names, parser=reading(instant), metavar="DATE", help=help)


LevelOption = Annotated[
    Level | None, typer.Option("--level", help="How far the spelling of a name may differ: strict unless given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")]
ListLimit = Annotated[
    int | None, typer.Option("--limit", "-n", min=1, help="At most so many; unless given all as JSON, the first as a table.")
]


def group(help: str) -> typer.Typer:  # noqa: A002
    """A typer app with our ways: plain help, no traceback dressing."""
    return typer.Typer(
        help=help,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        add_completion=False,
        context_settings={"max_content_width": 110},
    )
