"""What the web page's routes work with: store, broker, secret and templates. It must not know a route."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from copytaster.config import Config
from copytaster.store import Store
from desk import spoken
from desk.exporter import Exporter
from desk.health import Readiness


@dataclass(frozen=True)
class Web:
    """What the routes work with. ``depth`` says how many hints wait in a queue; None: the broker does not answer."""

    config: Config
    store: Store
    depth: Callable[[str], int | None]
    secret: str
    searchable: Callable[[], bool] = lambda: True  # whether the search engine answers

    @cached_property
    def exporter(self) -> Exporter:
        every = self.config.heartbeat.every_seconds if self.config.heartbeat_url else 0
        return Exporter(
            self.store, self.depth, searchable=self.searchable, data_dir=self.config.data_dir, heartbeat_seconds=every
        )

    @cached_property
    def readiness(self) -> Readiness:
        return Readiness(self.store, self.depth, self.config.data_dir, self.searchable)

    @cached_property
    def templates(self) -> Environment:
        made = Environment(
            loader=PackageLoader("desk", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= {"ago": spoken.ago, "span": spoken.span, "number": spoken.number}
        return made

    def page(self, name: str, status: int = 200, **values: object) -> Response:
        body = self.templates.get_template(name).render(**values)
        return Response(body, status, {"cache-control": "no-store"}, "text/html; charset=utf-8")
