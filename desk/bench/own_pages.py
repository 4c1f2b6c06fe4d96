"""The demo's own pages as a corpus folder, for benchmarks where nobody names one. It must not know what is measured."""

import datetime as dt
import gzip
import json
from pathlib import Path

from desk.demo.outlets import OUTLETS
from desk.demo.press import items_of
from desk.demo.wire import read_all
from desk.demo.world import build


def write(folder: Path) -> Path:
    """``ground-truth.json`` and ``html/KEY.html.gz``, as ``corpus_site.load`` reads them; returns the folder."""
    now = dt.datetime.now(dt.UTC)
    sites, copies, truth = {site.host: site for site in build(now)}, read_all(), {}
    (folder / "html").mkdir(parents=True)
    for outlet in OUTLETS:
        for item in items_of(outlet, copies, now, None):
            page = sites[outlet.host].find(item.path)
            assert page is not None  # each item is printed
            (folder / "html" / f"{item.slug}.html.gz").write_bytes(gzip.compress(page.body, mtime=0))
            truth[item.slug] = {"url": item.url, "title": item.title, "date": item.published_at.isoformat()}
    (folder / "ground-truth.json").write_text(json.dumps(truth), "utf-8")
    return folder
