"""Reads the demo's own articles from `articles/*.md`: TOML between two lines of `+++`, then paragraphs.

It owns that format; it must not know how outlets print, list or serve what it reads.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "articles"
FENCE = "\n+++\n"
EDIT_FENCE = "\n+++ edit\n"


@dataclass(frozen=True, slots=True)
class Version:
    """What an article says at one time."""

    title: str
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One article as its outlet wrote it. ``watches`` are the slugs of the watches that must fire on its first version,
    ``edit_watches`` those that the edit newly concerns; ``copy_of`` is the slug of the article that it repeats.
    """

    slug: str
    site: str
    path: str
    language: str
    section: str
    authors: Sequence[str]
    minutes_ago: int
    zone: str | None  # "+03:30" where it is not the outlet's own
    watches: Sequence[str]
    edit_watches: Sequence[str]
    copy_of: str | None
    first: Version
    edited: Version | None

    @property
    def url(self) -> str:
        return f"http://{self.site}{self.path}"


def read_all() -> list[Copy]:
    """Every article, the newest first."""
    copies = [parse(path.stem, path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.md")]
    return sorted(copies, key=lambda copy: copy.minutes_ago)


def parse(slug: str, text: str) -> Copy:
    original, _, edit = text.partition(EDIT_FENCE)
    fields, first = _version(original.removeprefix("+++\n"))
    edited = _version(edit)[1] if edit else None
    return Copy(
        slug=slug,
        site=fields["site"],
        path=fields["path"],
        language=fields["language"],
        section=fields["section"],
        authors=fields["authors"],
        minutes_ago=fields["minutes_ago"],
        zone=fields.get("zone"),
        watches=fields["watches"],
        edit_watches=fields.get("edit_watches", ()),
        copy_of=fields.get("copy_of"),
        first=first,
        edited=edited,
    )


def _version(text: str) -> tuple[dict[str, Any], Version]:
    head, _, body = text.partition(FENCE)
    fields = tomllib.loads(head)
    paragraphs = [paragraph.strip() for paragraph in body.split("\n\n") if paragraph.strip()]
    return fields, Version(fields["title"], paragraphs)
