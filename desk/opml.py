"""Lists of feeds as other readers write and read them: OPML, in and out. It must not know the store or the network.

A source of ours may have several feeds or none, so what we write also carries the address that it was added with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lxml import etree

from copytaster.errors import Rejected

OURS = "https://copytaster.example/opml"  # a name, not an address
_SOURCE = f"{{{OURS}}}source"
MOST_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What to add, and what its owner calls it."""

    url: str
    name: str | None = None


def read(data: bytes) -> list[Entry]:
    """Every feed of the file once, folders flattened. Raises Rejected where it is no OPML."""
    if len(data) > MOST_BYTES:
        raise Rejected("too_big", f"The file has more than {MOST_BYTES // 1_000_000} MB; split it.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None or str(root.tag).rpartition("}")[2].lower() != "opml":
        raise Rejected("not_opml", "The file is no OPML; export it again from your feed reader.")
    found: dict[str, Entry] = {}
    for outline in root.iter("outline"):
        url = outline.get(_SOURCE) or outline.get("xmlUrl") or outline.get("xmlurl")
        if url and url.strip():
            name = outline.get("title") or outline.get("text") or None
            found.setdefault(url.strip(), Entry(url.strip(), name))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Listed:
    """One source as it is written: the address it was added with, and its feeds."""

    url: str
    name: str
    feeds: Sequence[str] = ()


def write(listed: Iterable[Listed]) -> str:
    root = etree.Element("opml", {"version": "2.0"}, nsmap={"copytaster": OURS})
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "copytaster sources"
    body = etree.SubElement(root, "body")
    for each in listed:
        name = _printable(each.name)
        outline = etree.SubElement(body, "outline", {"text": name, "title": name, "htmlUrl": each.url, _SOURCE: each.url})
        if each.feeds:
            outline.set("type", "rss")
            outline.set("xmlUrl", each.feeds[0])
    return etree.tostring(root, pretty_print=True, xml_declaration=True, encoding="UTF-8").decode()


def _printable(text: str) -> str:
    """XML has no way to write most controls."""
    return "".join(char if char.isprintable() else " " for char in text)
