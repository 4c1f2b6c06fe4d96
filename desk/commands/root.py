"""The command that holds all others and imports each only when it is asked for.

It owns that laziness; the table of commands is ``desk.overview``'s. It must not know what any command does.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from desk.overview import COMMANDS, overview


class Lazy(TyperGroup):
    """A group that knows its commands by name alone: importing all of them would take seconds."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        whole = typer.main.get_command(import_module(f"desk.commands.{entry.module}").app)
        inner = whole.get_command(ctx, cmd_name) if isinstance(whole, TyperGroup) else None
        return inner or whole

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and (near := _near(args[0])):
            ctx.fail(f"There is no command {args[0]!r}; did you mean {near!r}?")
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        del ctx
        formatter.write(overview())


def _near(name: str) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, COMMANDS, 1)), None)


def root() -> Any:
    """The whole command line, ready to be called with arguments."""
    return typer.main.get_command(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from copytaster import __version__

        typer.echo(f"copytaster {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Lazy,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"max_content_width": 110},
)


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
) -> None:
    del version
