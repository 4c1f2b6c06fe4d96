"""Inputs made to cost more than they weigh: pages, feeds, sitemaps, robots.txt. Each is made when it is asked for."""

import gzip
import json
from collections.abc import Callable, Iterator

Make = Callable[[], bytes]
BOMBS: dict[str, dict[str, Make]] = {"page": {}, "feed": {}, "sitemap": {}, "robots": {}}
SENTENCE = b"The council met on Tuesday evening and agreed to mend the bridge over the river before the next winter comes. "
PARAGRAPH = b"<p>" + SENTENCE + b"</p>"
MILLION = 1_000_000


def page(body: bytes, head: bytes = b"") -> bytes:
    """An article with something in it."""
    start = b"<!doctype html><html lang=en><head><meta charset=utf-8><title>Bridge to be mended</title>" + head + b"</head>"
    return start + b"<body><article><h1>Bridge to be mended</h1>" + PARAGRAPH * 4 + body + b"</article></body></html>"


def titled(title: bytes) -> bytes:
    return page(b"<p>x</p>").replace(b"Bridge to be mended", title)


def ld(value: bytes) -> bytes:
    return page(b"", b'<script type="application/ld+json">' + value + b"</script>")


def rss(items: bytes, head: bytes = b"") -> bytes:
    return head + b"<rss version='2.0'><channel><title>News</title><link>https://n.example/</link>" + items + b"</channel></rss>"


def item(number: int) -> bytes:
    return b"<item><title>Item %d</title><link>https://n.example/a/%d</link></item>" % (number, number)


def urlset(urls: Iterator[bytes]) -> bytes:
    return b"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>" + b"".join(urls) + b"</urlset>"


def place(number: int) -> bytes:
    return b"<url><loc>https://n.example/a/%d</loc></url>" % number


def graph(size: int) -> bytes:
    node = {"@type": "NewsArticle", "headline": "x" * 40, "author": [{"@id": "#1"}] * 20, "datePublished": "2024-01-01"}
    return json.dumps({"@graph": [node | {"@id": f"#{n}"} for n in range(size)]}).encode()


LAUGHS = (
    b"<!DOCTYPE lolz [<!ENTITY lol 'lol'>"
    + b"".join(b"<!ENTITY lol%d '%s'>" % (n, b"&lol%s;" % (b"" if n == 1 else b"%d" % (n - 1)) * 10) for n in range(1, 10))
    + b"]>"
)
QUADRATIC = b"<!DOCTYPE x [<!ENTITY a '" + b"a" * 100_000 + b"'>]>"

BOMBS["page"] |= {
    "100,000 divs in each other": lambda: page(b"<div>" * 100_000),
    "a million bold tags": lambda: page(b"<b>x" * MILLION),
    "20,000 tables in each other": lambda: page(b"<table><tr><td>" * 20_000),
    "150 tables in each other": lambda: page((b"<table><tr><td>" + SENTENCE) * 150),
    "50,000 lists in each other": lambda: page(b"<ul><li>x" * 50_000),
    "200 lists in each other, 200 times": lambda: page((b"<ul><li>" + SENTENCE) * 200 + b"</li></ul>" * 200) * 3,
    "100,000 frames": lambda: page(b"<iframe srcdoc='<p>x'></iframe>" * 100_000),
    "frames in each other": lambda: page(b"<iframe><object><embed>" * 30_000),
    "a title of 1 MB": lambda: titled(b"word " * 200_000),
    "a title of 9 MB in one word": lambda: titled(b"w" * 9_000_000),
    "a megabyte of NULs": lambda: page(b"\0" * MILLION + PARAGRAPH),
    "NULs between all letters": lambda: page((b"\0".join(bytes([c]) for c in SENTENCE) + b"<p>") * 300),
    "lone surrogates": lambda: page(b"<p>" + b"\xed\xa0\x80 words \xed\xb0\x80" * 50_000),
    "surrogates by number": lambda: page(b"<p>" + b"&#xD800; words &#xDFFF; &#0; &#x1F;" * 50_000),
    "gzip 1:1000": lambda: gzip.compress(page(b"a" * 9_000_000)),
    "100 MB": lambda: page(PARAGRAPH * 900_000),
    "10 MB of paragraphs": lambda: page(PARAGRAPH * 85_000)[:9_990_000],
    "9 MB of paragraphs without an end": lambda: page(b"<p>The bridge" * 750_000),
    "1 MB of paragraphs": lambda: page(PARAGRAPH * 8_000),
    "900 kB of text without a tag": lambda: page(b"<p>" + SENTENCE * 8_000),
    "390 kB of text without a tag, five times": lambda: page((b"<p>" + SENTENCE * 3_400) * 2),
    "9 MB in one word": lambda: page(b"<p>" + b"w" * 9_000_000),
    "a word of 200 kB": lambda: page(b"<p>" + b"w" * 200_000 + b" " + SENTENCE),
    "one word 60,000 times": lambda: page(b"<p>" + b"bridge " * 60_000),
    "one word a million times": lambda: page(b"<p>" + b"bridge " * MILLION),
    "a name 23,000 times": lambda: page(b"<p>" + b"Kataib Hizballah " * 23_000),
    "almost a name 30,000 times": lambda: page(b"<p>" + b"Katiab Hezbolah. " * 22_000),
    "capitals 80,000 times": lambda: page(b"<p>" + b"Fatima Hizb Allah Ka Al " * 16_000),
    "capitals 49,500 times": lambda: page(b"<p>" + b"Fatima Hizb Allah Ka Al " * 9_900),
    "apostrophes": lambda: page(b"<p>" + b"Ka'Ta'Ib-Al'Hiz " * 9_900),
    "initials": lambda: page(b"<p>" + b"A B C D E. " * 9_900),
    "an Arabic name 16,000 times": lambda: page(b"<p>" + "كتائب حزب الله ".encode() * 16_400),
    "120,000 Han letters": lambda: page(b"<p>" + "北京国务院桥".encode() * 20_000),
    "Han letters in sentences": lambda: page(b"<p>" + "北京国务院，修桥。".encode() * 7_000),
    "Han letters apart": lambda: page(b"<p>" + "北 京 国 务 院 桥 ".encode() * 8_200),
    "Thai": lambda: page(b"<p>" + "กรุงเทพมหานคร".encode() * 4_000),
    "half-width kana": lambda: page(b"<p>" + "ｶﾞｷﾞｸﾞｹﾞｺﾞ".encode() * 9_900),
    "Hangul": lambda: page(b"<p>" + "서울 다리 위에 ".encode() * 16_400),
    "Han letters": lambda: page(b"<p>" + "北京国务院桥".encode() * 8_200),
    "two words apart": lambda: page(b"<p>" + b"council " * 50_000 + b"x " * 90 + b"river"),
    "combining marks": lambda: page(b"<p>" + ("Z" + "\u0301\u0316\u0489" * 100).encode() * 1_500),
    "a letter with 100,000 marks": lambda: page(b"<p>a" + "\u0301".encode() * 100_000 + SENTENCE),
    "bidi": lambda: page(b"<p>" + "\u202e\u2066abc\u2069 \u202d".encode() * 20_000),
    "joiners": lambda: page(b"<p>" + "می\u200cخواهم ".encode() * 20_000),
    "30,000 ligatures of a phrase": lambda: page(b"<p>" + "\ufdfa".encode() * 30_000),
    "an Arabic ligature of a phrase": lambda: page(b"<p>" + "\ufdfa".encode() * 16_400),
    "ligatures parted by blanks": lambda: page(b"<p>" + "\ufdfa ".encode() * 12_300),
    "fractions": lambda: page(b"<p>" + "½⅓⅔".encode() * 8_000),
    "300,000 attributes": lambda: page(b"<p " + b" ".join(b"a%d=b" % n for n in range(300_000)) + b">x"),
    "an attribute of 5 MB": lambda: page(b"<p title=" + b"a" * 5_000_000 + b">"),
    "50,000 metas": lambda: page(b"", b"".join(b'<meta name="author" content="Jane %d Roe">' % n for n in range(50_000))),
    "50,000 metas of one kind of date": lambda: page(b"", b'<meta property="article:published_time" content="2024-01-01T00:00">' * 50_000),
    "20,000 times": lambda: page(b'<time datetime="2024-01-01T00:00:00+01:00">1 January</time>' * 20_000),
    "20,000 headings": lambda: page(b"<h1>Bridge to be mended</h1>" * 20_000),
    "30,000 canonicals": lambda: page(b"", b"<link rel=canonical href='https://n.example/x'>" * 30_000),
    "JSON-LD in each other": lambda: ld(b"[" * 2_000_000),
    "JSON-LD of 9 MB": lambda: ld(graph(9_000)),
    "JSON-LD of 900 kB": lambda: ld(graph(900)),
    "JSON-LD that is broken": lambda: ld(b'{"headline":"' + b'\\"' * 400_000),
    "JSON-LD with many commas": lambda: ld(b'{"a":[' + b"," * 900_000),
    "JSON-LD with much white space": lambda: ld(b'{"a":1' + b" " * 900_000 + b"x"),
    "JSON-LD with many authors": lambda: ld(b'{"@type":"Article","author":[' + b'"Jane Roe",' * 80_000 + b'"x"]}'),
    "JSON-LD with a long number": lambda: ld(b'{"a":' + b"9" * 500_000 + b"}"),
    "JSON-LD with author: and nothing": lambda: ld(b'"author":[ {' * 70_000),
    "a body in JSON-LD of 900 kB": lambda: ld(json.dumps({"@type": "Article", "articleBody": "<p>" + "word, " * 140_000}).encode()),
    "an author of 15,000 commas": lambda: page(b"", b'<meta name=author content="' + b"a, and by " * 1_900 + b'">'),
    "a title of 900 kB of bars": lambda: titled(b"a | b - " * 50_000),
    "white space": lambda: page(b"<p>" + b" " * 900_000 + b"x" + b"\n\t" * 400_000),
    "white space of all kinds": lambda: page(b"<p>" + "\u2003\u00a0\u3000\u2028".encode() * 80_000 + b"x"),
    "dates": lambda: page(b"<p>" + b"2024-01-01 12/12/2012 1 January 2020, " * 5_500),
    "digits": lambda: page(b"<p>" + b"1" * 390_000),
    "brackets": lambda: page(b"<" * 380_000),
    "5 MB of brackets": lambda: b"<html>" + b"<" * 5_000_000,
    "ampersands": lambda: page(b"<p>" + b"&" * 380_000 + b"&#" * 100_000),
    "comments without an end": lambda: page(b"<!--" * 90_000),
    "CDATA of 28 MB": lambda: page(b"<![CDATA[" + b"x" * 28_000_000 + b"]]>"),
    "scripts without an end": lambda: page(b"<script>" * 39_000),
    "noscripts": lambda: page(b"<noscript><div id=root>" * 15_000),
    "shells": lambda: b"<html><body><div id=root></div>" + b"<script>" * 39_000 + b"javascript",
    "links": lambda: page(b"".join(b"<a href='/2024/01/01/a-long-slug-%d'>Some long headline here</a>" % n for n in range(19_000))),
    "300,000 links": lambda: page(b"<a href=/a/b-c-d-e-f>A headline of a story</a>" * 190_000),
    "links in links": lambda: page(b"<a href=/x><h2>" * 19_000),
    "links with long classes": lambda: page(b"<div class='" + b"nav-x " * 9_000 + b"'><a href=/a/b-c-d>x</a></div>" * 5),
    "style blocks": lambda: page(b"<style>p{}</style><svg><title>x</title></svg>" * 15_000),
    "an unknown charset": lambda: page(PARAGRAPH).replace(b"utf-8", b"x-klingon-" + b"9" * 10_000),
    "UTF-16 with a mark": lambda: page(PARAGRAPH * 5).decode().encode("utf-16"),
    "UTF-32 with a mark": lambda: page(PARAGRAPH * 5).decode().encode("utf-32"),
    "UTF-7": lambda: page(PARAGRAPH * 5).replace(b"utf-8", b"utf-7").decode().encode("utf-7"),
    "ISO-2022-JP that never ends": lambda: page(b"\x1b$B" * 100_000).replace(b"utf-8", b"iso-2022-jp"),
    "billion laughs": lambda: LAUGHS + page(b"<p>&lol9;"),
    "boxes cut by advertisements": lambda: page(b"".join(b"<div class=c><p>%d " % n + SENTENCE + b"</p></div><aside>x</aside>" for n in range(3_500))),
    "sections of every class": lambda: page(b"".join(b"<section class=k%d><p>%d %s</p></section>" % (n, n, SENTENCE) for n in range(2_300))),
    "forms and selects": lambda: page(b"<form><select>" + b"<option>x" * 39_000),
    "breaks": lambda: page(b"<p>" + b"word<br>" * 39_000),
    "block quotes": lambda: page((b"<blockquote>" + SENTENCE) * 240),
    "many short paragraphs": lambda: page(b"<p>yes</p>" * 19_000),
    "many spans": lambda: page(b"<p>" + b"<span>word </span>" * 19_000),
    "deep spans": lambda: page((b"<span>word " * 240 + b"</span>" * 240) * 20),
}  # fmt: skip
BOMBS["feed"] |= {
    "200,000 items": lambda: rss(b"".join(map(item, range(200_000)))),
    "60,000 items": lambda: rss(b"".join(map(item, range(60_000)))),
    "60,000 items under another root": lambda: b"<x>" + b"".join(map(item, range(55_000))),
    "a megabyte of unclosed tags": lambda: rss(b"<a>" * 300_000),
    "4 MB of unclosed items": lambda: rss(b"<item><title>x" * 300_000),
    "CDATA of 28 MB": lambda: rss(b"<item><description><![CDATA[" + b"x<" * 14_000_000 + b"]]></description></item>"),
    "CDATA of 4.9 MB": lambda: rss(b"<item><description><![CDATA[" + b"x<b>" * 1_220_000 + b"]]></description></item>"),
    "CDATA that never ends": lambda: rss(b"<item><description>" + b"<![CDATA[" * 400_000),
    "billion laughs": lambda: rss(b"<item><title>&lol9;</title></item>", LAUGHS),
    "quadratic blow-up": lambda: rss(b"<item><title>" + b"&a;" * 50_000 + b"</title></item>", QUADRATIC),
    "an item of 4.9 MB": lambda: rss(b"<item><title>" + b"word " * 970_000 + b"</title></item>"),
    "a megabyte of NULs": lambda: rss(b"\0" * MILLION + item(1)),
    "entities": lambda: rss(b"<item><title>" + b"&amp;lt;" * 500_000 + b"</title></item>"),
    "namespaces": lambda: rss(b"".join(b"<a%d:x xmlns:a%d='u%d'/>" % (n, n, n) for n in range(100_000))),
    "attributes": lambda: rss(b"<item " + b" ".join(b"a%d='b'" % n for n in range(200_000)) + b"/>"),
    "dates": lambda: rss(b"<item><pubDate>" + b"Mon, 01 Jan " * 300_000 + b"</pubDate></item>"),
    "500 long dates": lambda: rss((b"<item><pubDate>" + b"1" * 9_000 + b"</pubDate></item>") * 500),
    "authors": lambda: rss(b"<item><author>" + b"a@b (c) " * 500_000 + b"</author></item>"),
    "links": lambda: rss(b"<item>" + b"<link>http://a.example/</link>" * 150_000 + b"</item>"),
    "a JSON Feed of 100,000 items": lambda: json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": [{"id": str(n), "url": f"/{n}"} for n in range(100_000)]}
    ).encode(),
    "JSON in each other": lambda: b'{"items":' + b"[" * 4_000_000,
    "a long number in JSON": lambda: b'{"title":"x","items":[{"id":' + b"9" * 4_000_000 + b"}]}",
    "HTML in JSON": lambda: json.dumps({"title": "x", "items": [{"url": "/a", "content_html": "<b>x" * 1_200_000}]}).encode(),
    "HTML in 500 items": lambda: rss((b"<item><description><![CDATA[" + b"<b>x" * 2_300 + b"]]></description></item>") * 500),
    "gzip": lambda: gzip.compress(rss(b"a" * 5_000_000)),
    "brackets": lambda: rss(b"<" * 4_000_000),
    "brackets in a small one": lambda: rss(b"<" * 190_000),
    "white space": lambda: rss(b"<item><title>" + b" \n" * 2_000_000 + b"</title></item>"),
    "comments": lambda: rss(b"<!--" * 1_000_000),
    "declarations": lambda: b"<!DOCTYPE " * 400_000 + rss(item(1)),
    "UTF-16": lambda: rss(b"".join(map(item, range(30_000)))).decode().encode("utf-16"),
    "ampersands": lambda: rss(b"<item><title>" + b"&" * 4_500_000),
    "ampersands in a small one": lambda: rss(b"<item><title>" + b"&a" * 90_000),
    "doctypes in a small one": lambda: b"<!DOCTYPE x [" + b"<!ENTITY " * 20_000 + rss(item(1)),
    "declarations in a small one": lambda: b"<!" * 99_000 + rss(item(1)),
    "white space in a small one": lambda: rss(b"<item" + b" " * 190_000),
}  # fmt: skip
BOMBS["sitemap"] |= {
    "a million URLs": lambda: urlset(map(place, range(MILLION))),
    "a million URLs, packed": lambda: gzip.compress(urlset(map(place, range(MILLION))), 1),
    "the same URL a million times": lambda: urlset(place(1) for _ in range(MILLION)),
    "a million URLs that are none": lambda: urlset(b"<url><loc>javascript:x</loc></url>" for _ in range(MILLION)),
    "gzip 1:1000": lambda: gzip.compress(b"<urlset>" + b" " * 60_000_000),
    "gzip in gzip in gzip": lambda: gzip.compress(gzip.compress(gzip.compress(b"<urlset>" + b" " * 49_000_000))),
    "billion laughs": lambda: LAUGHS + urlset(iter([b"<url><loc>&lol9;</loc></url>"])),
    "quadratic blow-up": lambda: QUADRATIC + urlset(iter([b"<url><loc>" + b"&a;" * 50_000 + b"</loc></url>"])),
    "8 MB of empty tags": lambda: urlset(iter([b"<a/>" * 2_000_000])),
    "tags in each other": lambda: urlset(iter([b"<a>" * MILLION])),
    "a text of 50 MB": lambda: b"https://n.example/a\n" * 2_400_000,
    "a text of one line": lambda: b"https://n.example/" + b"a" * 40_000_000,
    "an index of a million": lambda: b"<sitemapindex>" + b"".join(b"<sitemap><loc>https://n.example/%d</loc></sitemap>" % n for n in range(900_000)) + b"</sitemapindex>",
    "an address of 40 MB": lambda: urlset(iter([b"<url><loc>https://n.example/" + b"a" * 40_000_000 + b"</loc></url>"])),
    "long addresses": lambda: urlset(b"<url><loc>https://n.example/%d/%s</loc></url>" % (n, b"%41" * 1_000) for n in range(10_000)),
    "comments": lambda: urlset(iter([b"<!-- x -->" * 4_000_000])),
    "brackets": lambda: b"<urlset>" + b"<" * 40_000_000,
    "namespaces": lambda: urlset(iter([b"".join(b"<a%d:x xmlns:a%d='u'/>" % (n, n) for n in range(300_000))])),
    "attributes": lambda: b"<urlset " + b" ".join(b"a%d='b'" % n for n in range(MILLION)) + b">",
    "a feed of 40 MB": lambda: rss(b"".join(map(item, range(500_000)))),
    "images": lambda: urlset(b"<url><loc>https://n.example/%d</loc>%s</url>" % (n, b"<image:image><image:loc>x</image:loc></image:image>" * 500) for n in range(1_500)),
}  # fmt: skip
BOMBS["robots"] |= {
    "wildcards": lambda: b"User-agent: *\n" + b"Disallow: /" + b"*a" * 250_000,
    "many wildcards": lambda: b"User-agent: *\n" + (b"Disallow: /" + b"*a" * 1_000 + b"$\n") * 240,
    "many rules": lambda: b"User-agent: *\n" + b"Disallow: /a\n" * 38_000,
    "many agents": lambda: b"".join(b"User-agent: %s\n" % bytes([97 + n % 26, 97 + n // 26 % 26, 97 + n // 676 % 26]) for n in range(24_000)) + b"Disallow: /a\n" * 5_000,
    "agents and rules": lambda: (b"User-agent: a\n" * 100 + b"Disallow: /\n" * 100) * 180,
    "one agent and as many rules": lambda: b"User-agent: *\n" * 17_000 + b"Disallow: /\n" * 20_000,
    "sitemaps": lambda: b"Sitemap: https://n.example/%d\n" * 16_000,
    "delays": lambda: b"User-agent: *\n" + b"Crawl-delay: 9\n" * 30_000,
    "agents and delays": lambda: b"User-agent: a\n" * 17_000 + b"Crawl-delay: 9\n" * 16_000,
    "escapes": lambda: b"User-agent: *\nDisallow: /" + b"\xff%41" * 120_000,
    "10 MB": lambda: b"User-agent: *\nDisallow: /a\n" * 400_000,
    "colons": lambda: b":" * 500_000,
    "NULs": lambda: b"\0" * 500_000,
    "line ends": lambda: b"\r\n" * 250_000,
    "white space": lambda: b"User-agent" + b" " * 490_000 + b": *",
}  # fmt: skip
