"""The stages over one store, with a real receiver at their end: what the tests of the pipeline and of all beside it work in."""

import datetime as dt
import itertools
import json
from dataclasses import dataclass, field

from copytaster.news import Link, LinkId, Page, Source, SourceId
from copytaster.store import Store, links, pages, sources, watches
from copytaster.urls import normalize, url_id
from copytaster.watches import Quiet, Watch, WatchId
from desk.sinks import Received, WebhookSink
from workers import pipeline
from workers.services import Services

SENTENCES = (
    "The ministry said on Monday that the new bridge over the river will open before the winter begins.",
    "Engineers who worked on the site for three years called the last inspection a formality.",
    "Shopkeepers on the eastern bank hope for more visitors, while fishermen fear for their landing stages.",
    "The budget was exceeded by eleven per cent, which an auditor described as unusually little.",
    "A ferry that has crossed here since 1911 will make its last journey on the same evening.",
    "Schools plan a procession with lanterns, and the brass band of the fire brigade will play.",
)
OTHERS = (
    "Harvesters in the southern valleys finished two weeks early after a dry and very hot September.",
    "Wine growers expect small berries with much sugar, and therefore strong but scarce bottles.",
    "The cooperative has bought a second press so that lorries need not queue at night any more.",
    "Seasonal workers from four countries left for the olive groves further down the coast.",
    "Insurers counted fewer claims for hail than in any year since records were first kept.",
    "An exhibition in the town hall shows photographs of the vintage from a century ago.",
)
QUIET = Quiet(start=dt.time(11), end=dt.time(14), zone="UTC")  # the clock stands at noon


def page_of(title: str, *paragraphs: str) -> bytes:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head>"
        f"<body><main><article><h1>{title}</h1>{body}</article></main></body></html>"
    ).encode()


@dataclass
class Newsroom:
    """The stages over one store, with a real receiver at their end."""

    services: Services
    sink: WebhookSink
    received: list[Received]
    clock: object
    hints: list[str] = field(default_factory=list)
    numbers: itertools.count = field(default_factory=itertools.count)

    @property
    def store(self) -> Store:
        return self.services.store

    def source(self, url: str = "http://herald.example/") -> SourceId:
        with self.store.write() as tx:
            source = Source(id=SourceId(url_id(normalize(url))), url=url, name="Herald", host="herald.example", added_at=tx.now)
            sources.add(tx, source, [])
        return source.id

    def watch(self, query: str, **options) -> Watch:
        with self.store.write() as tx:
            watches.ensure_owner(tx)
            channel = watches.ensure_channel(tx, options.pop("to", self.sink.url))
            watch = Watch(
                id=WatchId(options.pop("id", f"w{next(self.numbers)}")),
                owner_id=watches.LOCAL.id,
                name=query,
                query=query,
                channel_ids=(channel.id,),
                created_at=tx.now,
                **options,
            )
            return watches.save(tx, watch)

    def fetched(self, url: str, body: bytes, *, source: SourceId | None = None, final: str | None = None, **finding) -> LinkId:
        """A page as the crawler leaves it, ``final`` being where the link led."""
        source_id = source or self.source()
        normal = normalize(url)
        link = Link(id=LinkId(url_id(normal)), url=normal)
        with self.store.write() as tx:
            links.add(tx, source_id, None, [links.Finding(link=link, **finding)])
            page = Page(link_id=link.id, url=final or url, status=200, content_type="text/html", body=body, fetched_at=tx.now)
            pages.put(tx, [pages.Fetched(page=page, priority=finding.get("priority", 0))])
        return link.id

    def run(self) -> None:
        """All stages until nothing is due."""
        while any([pipeline.ingest(self.services), pipeline.deliver(self.services), pipeline.index(self.services)]):
            pass

    def items(self) -> list[dict]:
        return [item for message in self.received for item in json.loads(message.body)["items"]]

    def urls(self) -> list[str]:
        return [item["article"]["url"] for item in self.items()]
