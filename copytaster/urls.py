"""The normal form and the id of a URL: what makes two addresses one article, and two hosts one site.

It owns the rules of what is noise in an address; it must not fetch, resolve names or know who asks.
"""

import hashlib
import re
from functools import lru_cache

import ada_url

from copytaster.errors import Rejected, shown

MAX_LENGTH = 4096  # longer addresses are traps: of 121,458 links in 745 recorded pages the longest has 2,006

# Names seen in at least two publishers' links in 745 recorded pages, and the click ids of the large networks.
# Left alone because they also carry meaning: id, s, t, page, source, from, cid, mod (``forum.php?mod=viewthread``).
_TRACKING_PREFIXES = ("utm_", "itm_", "mtm_", "pk_", "piwik_", "g2i_", "ns_mchannel", "aspsessionid", "at_")
_TRACKING = frozenset(
    """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid igshid igsh li_fat_id epik
    mc_cid mc_eid mkt_tok _hsenc _hsmi hsctatracking vero_id oly_anon_id oly_enc_id wickedid s_cid
    _ga _gl _openstat wt_mc wt.mc_id wt_zmc xtor ns_source ns_campaign ns_linkname ns_fee
    cmp cmpid icid ito smid smtyp ncid tpcc trk trkcampaign ref_src ref_url fref ref_noscript
    guccounter guce_referrer guce_referrer_sig __twitter_impression original_referer sr_share onwewe
    jsessionid phpsessid sessionid session_id cfid cftoken zenid
    """.split()  # noqa: SIM905 - one name a line would hide the groups
)
_SESSION_NAMES = frozenset({"sid", "osid", "s_id"})  # ``sid=12`` is a section, ``sid=9f86d081884c7d65`` a session
_SESSION_VALUE = re.compile(r"[0-9a-zA-Z]{16,}\Z")
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;?]*", re.IGNORECASE)
# Behind a broken escape one is left alone: of ``%4%41`` would come ``%4A``, which is another address in its turn.
_ESCAPE = re.compile(r"(?<!%)(?<!%[0-9a-fA-F])%[0-9a-fA-F]{2}")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def resolve(url: str, base: str | None = None) -> str:
    """The URL as a browser would read it (WHATWG), against ``base`` where given; any scheme.

    Raises ``Rejected("bad_url")``.
    """
    try:
        href = str(ada_url.normalize_url(url) if base is None else ada_url.join_url(base, url))
        if "xn--" in href:
            _check_punycode(host_of(href))
    except (ValueError, OverflowError):
        whole = _whole(url)
        if whole != url:
            return resolve(whole, base)
        raise _bad(url, "is not a URL; give it whole, as in https://example.com/news") from None
    return href


def _whole(text: str) -> str:
    """Lone surrogates as U+FFFD, as a browser reads them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@lru_cache(maxsize=16_384)
def normalize(url: str, base: str | None = None) -> str:
    """The normal form of an http(s) URL, which still fetches the same page. Idempotent.

    Off go: fragment, credentials, default port, the host's last dot, tracking parameters, session ids, empty
    parameters and a trailing ``?``; escapes are written one way. The query keeps its order: sites exist that sign it
    or read it by position, and one site prints its own links in one order anyway. Scheme and trailing slash stay
    as they are, for only the server knows whether they matter.

    Raises ``Rejected("bad_url")``.
    """
    return canonical(resolve(url, base))


def canonical(href: str) -> str:
    """``normalize`` for an address that ``resolve`` has made; for long lists, which would empty the cache.

    Raises ``Rejected("bad_url")``.
    """
    scheme, _, rest = href.partition("://")
    if scheme not in ("http", "https"):
        raise _bad(href, "is not an http or https address; nothing else is read")
    if len(href) > MAX_LENGTH:
        raise _bad(href, f"is longer than {MAX_LENGTH} characters; such addresses are traps")
    rest = rest.partition("#")[0]
    authority, _, tail = rest.partition("/")
    path, _, query = _escapes(tail).partition("?")
    if ";" in path and (shorter := _PATH_SESSION.sub("", path)) != path:
        return normalize(f"{scheme}://{authority}/{shorter}?{query}")  # ``/a/.;sid=1/`` leaves a dot segment
    if query:
        query = "&".join(part for part in query.split("&") if not _is_noise(part))
    return f"{scheme}://{_authority(authority)}/{path}{'?' if query else ''}{query}"


def url_id(normal: str) -> str:
    """A short stable id of a normal form: 128 bits of SHA-256 as 32 hexadecimal characters."""
    return hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@lru_cache(maxsize=4_096)
def host_of(url: str) -> str:
    """The host name of a URL, lower case, in ASCII, without port and without a last dot; ``""`` where it has none."""
    try:
        host = str(ada_url.URL(url).hostname)
    except ValueError:
        raise _bad(url, "is not a URL; give it whole, as in https://example.com/news") from None
    return host.rstrip(".")


def whatwg_host(url: str) -> str:
    """The host of a URL with its port, as a browser's ``URL.host`` has it."""
    return str(ada_url.URL(url).host)


def same_site(first: str, second: str) -> bool:
    """Whether two URLs lie under one registrable domain (``a.bbc.co.uk`` and ``bbc.co.uk``, not ``co.uk``)."""
    one, other = host_of(first), host_of(second)
    return one == other or site_of_host(one) == site_of_host(other)


@lru_cache(maxsize=8_192)
def site_of_host(host: str) -> str:
    """The registrable domain of a host by the public suffix list; the host itself where it has none (an address)."""
    return str(_extractor()(host).top_domain_under_public_suffix) or host


@lru_cache(maxsize=1)
def _extractor():  # type: ignore[no-untyped-def]  # noqa: ANN202 - the library's type would import it at start-up
    """The bundled snapshot only, for by default the list is fetched at first use; each blog of a host is a site."""
    import tldextract

    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True, include_psl_private_domains=True)


def _check_punycode(host: str) -> None:
    """The parser lets labels through that stand for no name (eight of the WHATWG cases, as ``xn--``, fail so)."""
    for label in host.split("."):
        if label.startswith("xn--"):
            name = label[4:].encode().decode("punycode")
            if name.isascii() or ada_url.idna_to_ascii(name) != label.encode():
                raise ValueError(label)


def _authority(authority: str) -> str:
    host = authority.rpartition("@")[2]
    name, colon, port = host.partition(":") if not host.startswith("[") else (host, "", "")
    if name.endswith(".") and not name.endswith("..") and name != ".":  # ``a.1..`` without its dots is no host
        return name[:-1] + colon + port
    return host


def _is_noise(parameter: str) -> bool:
    name, equals, value = parameter.partition("=")
    name = name.lower()
    if not name:
        return not value
    if name in _TRACKING or name.startswith(_TRACKING_PREFIXES):
        return bool(equals)  # ``?cmp`` alone may be the page's own key
    if name == "ref":  # ``ref=rss``, ``ref=footer``; an article's number stays
        return value.isalpha()
    return name in _SESSION_NAMES and _SESSION_VALUE.match(value) is not None


def _escapes(text: str) -> str:
    return _ESCAPE.sub(_escape, text) if "%" in text else text


def _escape(found: re.Match[str]) -> str:
    code = int(found[0][1:], 16)
    return chr(code) if code in _UNRESERVED else found[0].upper()


def _bad(url: str, why: str) -> Rejected:
    return Rejected("bad_url", f"{shown(url)} {why}.")
