"""Our own pages with what must be read from them: a pair ``NAME.html`` and ``NAME.json``, one test for each field."""

import json
import pathlib

import pytest

from copytaster.errors import Rejected
from workers.extraction.read import extract

PAGES = pathlib.Path(__file__).parents[1] / "pages"
EXPECTED = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(PAGES.glob("*.json"))}
FIELDS = [(name, field) for name, told in EXPECTED.items() for field in told if field not in {"url", "refused"}]
REFUSED = [name for name, told in EXPECTED.items() if "refused" in told]


def read(name):
    return extract((PAGES / f"{name}.html").read_bytes(), EXPECTED[name]["url"])


def value(article, field):
    if field in {"published_at", "modified_at"}:
        printed = getattr(article, field.removesuffix("_at"))
        return printed.isoformat() if printed else None
    found = getattr(article, field)
    return list(found) if isinstance(found, tuple) else found


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[f"{name}-{field}" for name, field in FIELDS])
def test_a_recorded_page_gives_what_is_expected_of_it(name, field):
    """Each field of each recorded page."""
    article, expected = read(name), EXPECTED[name][field]
    if field == "text_has":
        assert [part for part in expected if part not in article.text] == []
    elif field == "text_lacks":
        assert [part for part in expected if part in article.text] == []
    else:
        assert value(article, field) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_page_that_is_no_article_is_refused_with_its_reason(name):
    """Soft 404s, robot checks and empty shells."""
    with pytest.raises(Rejected) as refusal:
        read(name)
    assert refusal.value.reason == EXPECTED[name]["refused"]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in REFUSED])
def test_paragraphs_are_parted_by_single_line_ends(name):
    """No blank lines, no stray spaces."""
    paragraphs = read(name).text.split("\n")
    assert len(paragraphs) >= 3
    assert all(paragraph == paragraph.strip() != "" for paragraph in paragraphs)
