"""What the demo shows: progress while it crawls, each alert as it arrives, and the table at the end.

It owns the looks; it must not know how anything came to be.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from rich.align import Align
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from desk.demo.figures import Figures, typical

RIGHT_TO_LEFT = {"ar", "fa", "he"}


class Stage:
    """``with Stage() as stage``: below, one line that moves; above it, what has happened."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._spinner = Spinner("dots", "starting …")
        self._live = Live(self._spinner, console=console, refresh_per_second=10, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The moving line is over; what is printed from now on stays."""
        self._live.stop()

    def say(self, text: str, *, style: str = "") -> None:
        at = f"[dim]{time.monotonic() - self._began:5.1f} s[/dim]  "
        self._console.print(f"{at}[{style}]{text}[/{style}]" if style else f"{at}{text}", highlight=False)

    def progress(self, figures: Figures) -> None:
        line = (
            f"{figures.endpoints_read}/{figures.endpoints} feeds, sitemaps and sections read · {figures.pages}/{figures.links} "
            f"pages fetched · {figures.articles} articles read · {figures.messages_sent} messages sent"
        )
        self._spinner.update(text=line)

    def alert(self, payload: Mapping[str, Any], seconds: float | None) -> None:
        """One panel for each alert of a message, with its passage and why it fired."""
        for item in payload["items"]:
            self._console.print(_panel(item, seconds))

    def summary(self, figures: Figures, alerts: int, mails: int, delays: list[float]) -> None:
        table = Table(title="What happened", show_header=False, title_justify="left", min_width=52)
        table.add_column(style="dim")
        table.add_column(justify="right")
        known = typical(delays)
        for name, value in (
            ("sources", figures.sources),
            ("feeds, sitemaps and sections", figures.endpoints),
            ("pages fetched", figures.pages),
            ("articles read", f"{figures.articles} in {figures.languages} languages"),
            ("stories (copies counted once)", figures.stories),
            ("edited articles", figures.revisions),
            ("refused, with their reason", figures.refused),
            ("alerts at the webhook", alerts),
            ("mails", mails),
            ("page to alert, median", known["median"]),
            ("page to alert, worst", known["worst"]),
            ("all of it", f"{time.monotonic() - self._began:.1f} s"),
        ):
            table.add_row(name, str(value))
        self._console.print(table)

    def next_steps(self, lines: Sequence[tuple[str, str]]) -> None:
        table = Table.grid(padding=(0, 2))
        for command, what in lines:
            table.add_row(Text(command, style="bold"), Text(what, style="dim"))
        self._console.print(Panel(table, title="What to do next", title_align="left", expand=False))


def _panel(item: Mapping[str, Any], seconds: float | None) -> Panel:
    article, passage = item["article"], item["passage"]
    text = Text(passage["text"])
    for start, end in passage["marks"]:
        text.stylize("bold black on yellow", start, end)
    title = Text(article["title"], style="bold")
    aside = article["language"] in RIGHT_TO_LEFT
    rows: list[Any] = [Align.right(title) if aside else title, Align.right(text) if aside else text]
    if item["copies"]:
        rows.append(Text("also: " + ", ".join(copy["source"] for copy in item["copies"]), style="dim"))
    rows.append(Text(item["why"], style="italic dim"))
    rows.append(Text(article["url"], style="blue"))
    late = f" · {seconds:.2f} s after its page was fetched" if seconds is not None else ""
    edited = " · after an edit" if item["edited"] else ""
    head = f"[bold]{item['watch']['name']}[/bold] · {article['source']} · {article['language']}{edited}{late}"
    return Panel(Group(*rows), title=head, title_align="left", border_style="green", width=100)
