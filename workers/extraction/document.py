"""One parsed page and what lies on its surface: metas, links, headings, times, JSON-LD, gathered in a single pass.

It owns the only parse of the HTML and its limits; it must not know which of the gathered values is right.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from lxml import etree
from lxml.html import HtmlComment, HtmlElement

from copytaster.errors import Rejected
from workers.extraction import jsonld

MAX_META_CHARS = 20_000
_GATHERED = ("meta", "link", "script", "title", "h1", "time", "html")
# NUL and the other controls that XML forbids stop lxml or end its text; lone surrogates cannot be encoded.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
# The same for a whole page, in its bytes: a fifth of the time.
_CONTROLS = bytes([*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_RARE = tuple(
    map(re.compile, (rb"\xc2[\x80-\x9f]", rb"\xed[\xa0-\xbf][\x80-\xbf]", rb"\xef\xb7[\x90-\xaf]", rb"\xef\xbf[\xbe\xbf]"))
)
# The same as references: to lxml they end the text, or the page, where a browser shows nothing or a box; of the last two
# trafilatura can make no tree.
_REFERENCE = re.compile(
    rb"&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01]|6553[45])|x0*(?:[0-8bcef]|1[0-9a-f]|fff[ef]))(?:;|(?![0-9a-z]))", re.IGNORECASE
)
_MARKUP = re.compile(r"<(?:!doctype|html|head|body|title|meta|article|section|main|div|p|h1|span|table|br)\b", re.IGNORECASE)
_BINARY = 0.08  # of the first characters are controls; of random bytes 0.11 are, of a short page with all of them twice 0.06
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")
# One class for every element, chosen in C: lxml.html asks a Python function for each of the 3,000 that a page's reading touches.
_CLASSES = etree.ElementDefaultClassLookup(element=HtmlElement, comment=HtmlComment)
# Neither holds words or data, and on some pages every second element is of a drawing.
_DRAWINGS = ("svg", "style")


def clean(text: str) -> str:
    """Text without NUL, lone surrogates and the other characters that no store, mail or tree can carry."""
    return _UNPRINTABLE.sub("", text)


def _clean_bytes(text: str) -> bytes:
    """``clean`` in UTF-8."""
    data = text.encode("utf-8", "surrogatepass").translate(None, _CONTROLS)
    for rare in _RARE:
        if rare.search(data):
            data = rare.sub(b"", data)
    return data


def line(text: str | None, limit: int = 500) -> str:
    """One line of at most ``limit`` characters."""
    return " ".join(clean((text or "")[: limit * 8]).split())[:limit].rstrip()


@dataclass(slots=True)
class Document:
    """A parsed page; ``root`` is shared by all readers, so whoever changes it must copy it first."""

    root: HtmlElement
    url: str | None
    source: str = ""
    metas: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    links: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    headings: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    times: list[HtmlElement] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    graph: jsonld.Graph = field(default_factory=jsonld.Graph)
    article: jsonld.Node = field(default_factory=dict)

    def meta(self, *names: str) -> str | None:
        """The first non-empty content of the first of these metas that has one."""
        return next(self.all_metas(*names), None)

    def all_metas(self, *names: str) -> Iterator[str]:
        return (content for name in names for content in self.metas.get(name, ()) if content.strip())

    def link(self, rel: str) -> str | None:
        return next(iter(self.links.get(rel, ())), None)


def read_document(text: str, url: str | None) -> Document:
    """Parse once and gather; ``Rejected`` says why a page is no tree (``not_html``, ``too_deep``)."""
    document = Document(parsed(text), url, text)
    for element in document.root.iter(*_GATHERED):
        _GATHER[element.tag](document, element)
    etree.strip_elements(document.root, *_DRAWINGS, with_tail=False)
    document.graph = jsonld.graph(document.scripts)
    addresses = (url, document.link("canonical"), document.meta("og:url"))
    headings = (*document.headings[:3], *document.all_metas("og:title"))
    document.article = jsonld.choose(document.graph, addresses, headings) or {}
    return document


def parsed(text: str) -> HtmlElement:
    if not _MARKUP.search(text) or _is_binary(text[:4_000]):
        raise Rejected("not_html", "The page holds no markup; only HTML pages can be read as articles.")
    parser = etree.HTMLParser(collect_ids=False, default_doctype=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    parser.set_element_class_lookup(_CLASSES)
    data = _DECLARATION.sub(b"", _REFERENCE.sub(b" ", _clean_bytes(text)))
    try:
        root = cast(HtmlElement | None, etree.fromstring(data, parser))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        if getattr(error, "code", None) == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError from error
        raise Rejected("not_html", f"The page could not be parsed as HTML ({line(str(error), 200)}).") from error
    if root is None:
        raise Rejected("not_html", "The page holds no elements; only HTML pages can be read as articles.")
    if _gave_up(parser):
        raise Rejected("too_deep", "The page nests its elements deeper than a browser would; it was not read.")
    return root


def _is_binary(start: str) -> bool:
    return len(_UNPRINTABLE.findall(start)) > _BINARY * len(start)


def _gave_up(parser: etree.HTMLParser) -> bool:
    """Whether libxml2 stopped half way: it then returns the part that it has, without an exception."""
    return any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log if "xcessive depth" in entry.message)


def _gather_meta(document: Document, element: HtmlElement) -> None:
    content = element.get("content")
    if content is None or len(content) > MAX_META_CHARS:
        return
    for attribute in ("property", "name", "itemprop", "http-equiv"):
        for name in (element.get(attribute) or "").lower().split():
            document.metas[name].append(content)


def _gather_link(document: Document, element: HtmlElement) -> None:
    for rel in (element.get("rel") or "").lower().split():
        if href := (element.get("href") or "").strip():
            document.links[rel].append(href)


def _gather_script(document: Document, element: HtmlElement) -> None:
    if "ld+json" in (element.get("type") or "").lower() and element.text:
        document.scripts.append(element.text)


def _gather_title(document: Document, element: HtmlElement) -> None:
    parent = element.getparent()
    if parent is None or parent.tag != "svg":  # pictures have titles too
        document.titles.append(line(element.text_content()))


def _gather_heading(document: Document, element: HtmlElement) -> None:
    if heading := line(element.text_content()):
        document.headings.append(heading)


def _gather_time(document: Document, element: HtmlElement) -> None:
    document.times.append(element)


def _gather_html(document: Document, element: HtmlElement) -> None:
    if named := element.get("lang") or element.get("xml:lang"):
        document.languages.append(named)


_GATHER: dict[Any, Any] = {
    "meta": _gather_meta,
    "link": _gather_link,
    "script": _gather_script,
    "title": _gather_title,
    "h1": _gather_heading,
    "time": _gather_time,
    "html": _gather_html,
}
