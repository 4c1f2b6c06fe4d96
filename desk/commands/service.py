"""x"""

import typer

app = typer.Typer(rich_markup_mode=None)


@app.command()
def init() -> None:
    "x"


@app.command()
def status() -> None:
    "x"
