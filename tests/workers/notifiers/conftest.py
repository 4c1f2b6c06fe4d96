"""Messages to send: made by our own payload builder, so that each test sends what production would send."""

import datetime as dt
import json
from pathlib import Path

import pytest

from copytaster.guard import Guard
from copytaster.news import Article, Extracted, Printed
from copytaster.watches import Channel, Hit, Message, Watch
from tests.hostile import HOSTILE
from workers.notifiers import Outbox, payload

CREATED_AT = dt.datetime(2026, 11, 23, 2, 51, tzinfo=dt.UTC)
NAUGHTY = Path(__file__).parents[4] / "shared/corpora/strings/blns.json"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def make_item(number=1, **changes):
    """An alert item whose watch, title, source, passage and more can be set by keyword."""
    passage = changes.pop("passage", "… buses carrying Fatemiyun veterans crossed the border …")
    start = passage.find("Fatemiyun")
    read = Extracted(
        title=changes.pop("title", "Fatemiyun come home"),
        text=passage,
        authors=("Leyla Ahmadi",),
        published=Printed(CREATED_AT, 180),
        language="en",
    )
    article = Article(
        id=f"a{number}",
        url=changes.pop("url", f"https://news.example.org/{number}"),
        source_id="s",
        source_name=changes.pop("source", "The Harbour Gazette"),
        story_id=f"st{number}",
        revision=1,
        document_version=1,
        first_seen_at=CREATED_AT,
        read_at=CREATED_AT,
        extracted=read,
    )
    name = changes.pop("watch", "Fatemiyoun")
    watch = Watch(
        id=changes.pop("watch_id", "w1"),
        owner_id="o",
        name=name,
        query=changes.pop("query", "Fatemiyoun"),
        created_at=CREATED_AT,
    )
    hit = Hit("text", start, start + 9, "Fatemiyun", "Fatemiyoun", "variant")
    marks = changes.pop("marks", [(start, start + 9)] if start >= 0 else [])
    return payload.AlertItem(
        delivery_id=number, watch=watch, article=article, hits=(hit,), passage=passage, marks=marks, **changes
    )


@pytest.fixture
def item():
    return make_item


@pytest.fixture
def message():
    """Makes a message to a URL; without items it carries one."""

    def make(url, *items, message_id="msg_2Lh9KRb0pzN", kind="instant", unsubscribe_url=None, secret=SECRET):
        channel = Channel(id="c", owner_id="o", url=url, secret=secret)
        frozen = payload.build(
            message_id, items or (make_item(),), created_at=CREATED_AT, kind=kind, unsubscribe_url=unsubscribe_url
        )
        return Message(id=message_id, channel=channel, payload=frozen, created_at=CREATED_AT)

    return make


@pytest.fixture
def outbox():
    """Makes an outbox whose guard lets loopback through, unless told otherwise."""

    def make(allow=("127.0.0.0/8",), **changes):
        return Outbox(**{"guard": Guard(allow), "secret": "server secret"} | changes)

    return make


@pytest.fixture(scope="session")
def naughty_strings():
    """Our own, and those of the corpora where they are here; halves of letters never come as far as a payload."""
    own = [text for text in HOSTILE if text == text.encode("utf-8", "ignore").decode() and len(text) < 1_000]
    return own + (json.loads(NAUGHTY.read_text()) if NAUGHTY.exists() else [])
