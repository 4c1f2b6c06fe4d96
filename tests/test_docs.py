"""What the documents show is what their makers make, and the code that they print works."""

import datetime as dt
import json
import pathlib
import re
import runpy

import pytest

from copytaster.news import Article, ArticleId, Extracted, SourceId, StoryId
from copytaster.watches import DeliveryId, Hit, MessageId, OwnerId, Watch, WatchId
from workers.notifiers import payload, webhook
from workers.planner import SCHEDULE

DOCS = pathlib.Path(__file__).parents[1] / "docs"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receive(monkeypatch):
    """The receiver that docs/webhooks.md prints."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "webhooks.md").read_text("utf-8"), re.DOTALL)
    made: dict[str, object] = {}
    exec(compile(code, "webhooks.md", "exec"), made)
    monkeypatch.setenv("COPYTASTER_SECRET", SECRET)
    return made["receive"]


def sent(content):
    body = payload.encode(content)
    stamp = int(dt.datetime.now(dt.UTC).timestamp())
    signature = webhook.sign(SECRET, content["id"], stamp, body)
    return {"webhook-id": content["id"], "webhook-timestamp": str(stamp), "webhook-signature": signature}, body


def built():
    now = dt.datetime.now(dt.UTC)
    made_by = {"owner_id": OwnerId("o"), "created_at": now}
    watch = Watch(id=WatchId("w"), name="Brigades", query="Fatemiyoun", **made_by)
    read = Extracted(title="A title", text="Fatemiyoun came.")
    ids = {"id": ArticleId("a"), "source_id": SourceId("s"), "story_id": StoryId("t")}
    times = {"first_seen_at": now, "read_at": now, "revision": 1, "document_version": 1}
    article = Article(url="https://example.org/1", source_name="Example", extracted=read, **ids, **times)
    hit = Hit("text", 0, 10, "Fatemiyoun", "Fatemiyoun")
    copy = payload.Copy("https://example.net/1", "Wire", "A title")
    about = {"delivery_id": DeliveryId(1), "watch": watch, "article": article, "hits": [hit], "copies": [copy]}
    items = [payload.AlertItem(passage="Fatemiyoun came.", marks=[(0, 10)], **about)]
    return payload.build(MessageId("msg_1"), items, created_at=now, kind="instant")


def shape(value):
    """The keys of an object, at any depth."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def test_the_plots_are_drawn_from_the_results():
    drawn = runpy.run_path(str(DOCS / "make_plots.py"))["plots"]()
    kept = {path.name: path.read_text("utf-8") for path in (DOCS / "benchmarks").glob("*.svg")}
    assert kept == drawn, "run: python docs/make_plots.py"


def test_the_tables_are_written_from_the_results():
    page = (DOCS / "performance.md").read_text("utf-8")
    maker = runpy.run_path(str(DOCS / "make_tables.py"))
    assert page == maker["filled"](page, maker["read"]()), "run: python docs/make_tables.py"


def test_every_key_of_a_result_is_explained():
    page = "".join((DOCS / name).read_text("utf-8") for name in ("performance.md", "scaling.md", "reliability.md"))
    for path in (DOCS / "benchmarks").glob("*.json"):
        result = json.loads(path.read_text("utf-8"))
        keys = {*result, *(key for run in result.get("runs", ()) for key in run)}
        assert [key for key in keys if f"`{key}`" not in page] == [], path.name


def test_the_receiver_that_is_printed_takes_each_message_once_and_no_forged_one(receive):
    headers, body = sent(built())
    seen: set[str] = set()
    assert [receive(headers, body, seen), receive(headers, body, seen)] == [204, 204]
    assert seen == {"msg_1"}
    assert receive(headers, body.replace(b"came", b"went"), set()) == 401


def test_the_printed_payload_has_the_shape_of_a_real_one():
    (printed,) = re.findall(r"```json\n(.*?)```", (DOCS / "webhooks.md").read_text("utf-8"), re.DOTALL)
    example = json.loads(printed)
    assert shape(example) == shape(built())
    (item,) = example["items"]
    ((start, end),) = item["passage"]["marks"]
    assert item["passage"]["text"][start:end] == item["hits"][0]["printed"]


def test_the_printed_schedule_is_the_planner_s():
    assert SCHEDULE[0] == 0
    units = {"s": 1, "min": 60, "h": 3600}
    told = " ".join((DOCS / "webhooks.md").read_text("utf-8").split())
    (waits,) = re.findall(r"after further (.*?), each up to", told)
    assert [int(number) * units[unit] for number, unit in re.findall(r"(\d+) (min|s|h)\b", waits)] == list(SCHEDULE[1:])


def test_the_tables_of_faults_and_of_the_soak_are_made_from_what_was_seen():
    made = runpy.run_path(str(DOCS / "make_reliability.py"))
    page = (DOCS / "reliability.md").read_text("utf-8")
    seen = (json.loads((DOCS / path).read_text("utf-8")) for path in ("chaos.json", "benchmarks/soak.json"))
    assert made["filled"](page, *seen) == page


def test_each_test_that_a_page_names_is_there():
    root = DOCS.parent
    for page in (root / "README.md", *DOCS.glob("*.md")):
        for path, _, name in re.findall(r"`(tests/[\w/.-]+\.py)(::(\w+))?`", page.read_text("utf-8")):
            assert (root / path).exists(), f"{page.name} names {path}"
            assert f"def {name}" in (root / path).read_text("utf-8"), f"{page.name} names {path}::{name}"
