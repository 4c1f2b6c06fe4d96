"""``copytaster extract`` offline: a line for each input, whatever it is."""

import gzip
import json
import pathlib

import pytest

from desk.offline_extract import extract_batch, extract_file

PAGES = pathlib.Path(__file__).parents[1] / "pages"
KEYS = [
    "file",
    "url",
    "canonical_url",
    "title",
    "authors",
    "published_at",
    "modified_at",
    "language",
    "text",
    "site_name",
    "topics",
    "image",
    "extractor",
]


def test_a_page_is_printed_with_every_documented_key():
    """In the documented order."""
    printed = extract_file(str(PAGES / "en_graph.html"), "https://www.tidewaycourier.example/2026/11/sea-wall")
    assert list(printed) == KEYS
    assert printed["published_at"] == "2026-11-19T23:47:31+01:00"
    assert printed["authors"] == ["Ines Calloway", "Tom Arkwright"]
    assert json.loads(json.dumps(printed)) == printed


def test_a_packed_page_gives_the_same(tmp_path):
    """Plain or ``.gz``."""
    plain = PAGES / "tr_split_boxes.html"
    packed = tmp_path / "page.html.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert extract_file(str(packed), None)["text"] == extract_file(str(plain), None)["text"]


def test_a_batch_answers_each_line_in_order_and_never_stops(tmp_path):
    """Missing files, bad JSON, bombs: one sentence each."""
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"<p>x" * 4_000_000))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"<p>a page</p>" * 50)[:30])
    (tmp_path / "empty.html").write_bytes(b"")
    files = [str(PAGES / "ja_authors_without_type.html"), str(tmp_path / "none.html"), str(tmp_path / "bomb.gz"),
             str(tmp_path / "cut.gz"), str(tmp_path / "empty.html"), str(tmp_path)]  # fmt: skip
    lines = [json.dumps({"file": file, "url": None}) for file in files] + ["{broken", '{"url": 3}', "", "[" * 100_000]
    answers = list(extract_batch(lines))
    assert [answer["file"] for answer in answers] == [*files, None, None, None]
    assert ["error" in answer for answer in answers] == [False] + [True] * 8
    assert all(answer["error"].endswith(".") for answer in answers[1:])


@pytest.mark.parametrize("name", ["en_soft_404", "fr_needs_javascript"])
def test_a_refused_page_is_an_error_line(name):
    """With nothing but the file and a sentence."""
    answer = extract_file(str(PAGES / f"{name}.html"), None)
    assert set(answer) == {"file", "error"}
