"""What is wrong where a feed, a sitemap or a section was and something else came: one kind of trouble and its evidence; pure.

It owns how walls, parked domains and moved sites look; it must not fetch, store, or know how long a trouble lasted.
"""

import html
import re
from urllib.parse import urlsplit

from lxml import etree

from copytaster.charset import decode
from copytaster.news import Evidence, TroubleKind
from copytaster.urls import host_of, same_site
from scrapers.verdicts import Answer, is_html, leads_to_login

LOOKED_AT = 100_000  # bytes of a page
SHORT_PAGE = 15_000  # challenges and robot checks are small; a newspaper's page that mentions one is not
MOST_WORDS = 200  # characters of each text that is kept
LONGEST_TITLE = 2_000  # characters, its tag included
_TITLE, _TITLE_END = re.compile(r"<title(?=[\s>])", re.IGNORECASE), re.compile(r"</title", re.IGNORECASE)
_KEPT_OFF = frozenset({401, 402, 403, 407, 429, 451})
_GONE = frozenset({404, 410})
_PARKING_HOSTS = re.compile(
    r"(?:^|\.)(?:hugedomains|sedo|sedoparking|afternic|dan|parkingcrew|bodis|undeveloped|domainmarket|buydomains|uniregistry|"
    r"parklogic|above|sav|porkbun|namebright|domainactive|skenzo|cashparking|searchvity)\.(?:com|net|org|co)\Z"
)
_PARKED = re.compile(
    r"sedoparking\.com|parkingcrew\.net|bodis\.com|img1\.wsimg\.com/parking|hugedomains\.com/domain|afternic\.com/forsale|"
    r"domain (?:name )?(?:is|may be) (?:for sale|parked|available for purchase)|buy this domain|this domain (?:has )?expired|"
    r"this (?:web ?page|domain|site) is parked|parked (?:free|domain)|domain parking|"
    r"(?:diese|die) domain (?:steht zum verkauf|ist zu verkaufen|kaufen)|ce (?:nom de )?domaine est (?:à vendre|en vente)|"
    r"este dominio está (?:en venta|a la venta)|domena (?:jest )?na sprzedaż|домен (?:продается|продаётся|припаркован)",
    re.IGNORECASE,
)
_WALL_TITLE = re.compile(
    r"just a moment|attention required|access (?:to this page )?(?:has been )?denied|are you (?:a )?(?:human|robot)|"
    r"verify(?:ing)? you are human|captcha|bot (?:check|detection|verification)|request (?:blocked|unsuccessful)|"
    r"pardon our interruption|security check|checking your browser|ddos[ -]guard|403 forbidden|unusual traffic|"
    r"проверка браузера|один момент|nur einen moment|un instant",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"_cf_chl_opt|cf-browser-verification|cf-error-details|_incapsula_resource|px-captcha|captcha-delivery\.com|"
    r"sucuri_cloudproxy_js|awswafcookiedomainlist|ddos-guard\.net|/_guard/|__ddg",
    re.IGNORECASE,
)
_LOGIN_FORM = re.compile(r"<input[^>]{0,300}type\s*=\s*[\"']?password", re.IGNORECASE)
_FEED = re.compile(rb"<(?:rss|feed|rdf:RDF|urlset|sitemapindex)[\s>]", re.IGNORECASE)
_CAPTCHA = re.compile(r"captcha", re.IGNORECASE)
_COOKIE_CHECK = re.compile(
    r"document\.cookie\s*=(?=.{0,4000}location)|location(?=.{0,4000}document\.cookie\s*=)", re.IGNORECASE | re.DOTALL
)


def diagnose(answer: Answer) -> TroubleKind:
    """Of an answer that is not what it was asked for, or holds nothing."""
    page = _text(answer) if is_page(answer) else ""
    if page and is_parked(page, answer.url):
        return "parked"
    if answer.status in _KEPT_OFF or leads_to_login(answer) or (page and is_wall(page)):
        return "blocked"
    if answer.status in _GONE or leads_elsewhere(answer):
        return "moved"
    if page and _LOGIN_FORM.search(page):
        return "blocked"
    return "malformed" if answer.status == 200 else "unreachable"


def diagnose_empty(answer: Answer, kind: str) -> TroubleKind:
    """Of an answer that was read and in which nothing is: a layout that changed, unless it is something else altogether."""
    if is_page(answer):
        found = diagnose(answer)
        return "degraded" if found == "malformed" and kind == "section" else found
    return "degraded" if is_well_formed(answer.body) else "malformed"


def of_reason(reason: str) -> TroubleKind | None:
    """Where no answer is there to be looked at; None for a fault of our own."""
    if reason == "robots_forbid":
        return "blocked"
    if reason in ("redirect_loop", "bad_redirect", "private_address"):
        return "moved"
    if reason in ("too_big", "too_slow", "bad_encoding"):
        return "malformed"
    return None if reason == "internal" else "unreachable"


def is_page(answer: Answer) -> bool:
    """HTML, and no feed or sitemap that is only called so: many servers do."""
    return is_html(answer.content_type, answer.body) and not _FEED.search(answer.body[:1_000])


def is_parked(page: str, url: str) -> bool:
    """Whether the domain is for sale; a newspaper that writes of such a thing has links of its own and more words."""
    if _PARKING_HOSTS.search(host_of(url)):
        return True
    return len(page) < 2 * SHORT_PAGE and _PARKED.search(page) is not None


def is_wall(page: str) -> bool:
    """Whether it is a check for robots, or a page that must be run for its cookie."""
    title = title_of(page) or ""
    if _WALL_TITLE.search(title) or _CHALLENGE.search(page):
        return True
    return len(page) < SHORT_PAGE and bool(_CAPTCHA.search(page) or (len(page) < 5_000 and _COOKIE_CHECK.search(page)))


def leads_elsewhere(answer: Answer) -> bool:
    """To another site, or to a front page that was not asked for."""
    if answer.url == answer.asked:
        return False
    asked, came = urlsplit(answer.asked).path.strip("/"), urlsplit(answer.url).path.strip("/")
    return not same_site(answer.asked, answer.url) or (bool(asked) and not came)


def is_well_formed(data: bytes) -> bool:
    """Whether it is whole XML or JSON; no tree is made, for 10 MB of ``<a/>`` would be 1 GB of one."""
    if data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return data[-64:].rstrip().endswith((b"}", b"]"))  # it was parsed before anybody asks this
    parser = etree.XMLParser(  # type: ignore[call-overload]  # the stubs know no target without all its methods
        target=_Nothing(), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
    )
    try:
        etree.fromstring(data, parser=parser)
    except (etree.XMLSyntaxError, ValueError):
        return False
    return True


class _Nothing:
    """Wants to be told of nothing that is parsed."""

    def close(self) -> None:
        return


def evidence_of(answer: Answer) -> Evidence:
    page = _text(answer)
    return Evidence(
        url=clean(answer.asked, 2_000),
        final_url=clean(answer.url, 2_000) if answer.url != answer.asked else None,
        status=answer.status,
        content_type=clean(answer.content_type) or None,
        title=title_of(page),
        head=clean(page[: 4 * MOST_WORDS]) or None,
    )


def title_of(page: str) -> str | None:
    """Of the first ``<title`` alone: one that never ends, 12,000 times in a page, took seconds to be looked for."""
    begun = _TITLE.search(page)
    if begun is None:
        return None
    said = page[begun.end() : begun.end() + LONGEST_TITLE].partition(">")[2]
    ended = _TITLE_END.search(said)
    return (clean(html.unescape(said[: ended.start()])) or None) if ended else None


def clean(text: str, most: int = MOST_WORDS) -> str:
    """One line that does no harm where it is printed: no control, no change of direction, no half letters."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:most]


def _text(answer: Answer) -> str:
    return decode(answer.body[:LOOKED_AT], answer.content_type or None)[0]
