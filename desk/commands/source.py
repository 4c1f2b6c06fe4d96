"""``copytaster source``: the sites that are read. It owns words and options only."""

import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from copytaster.errors import CopytasterError, Rejected
from copytaster.store import processes
from copytaster.store import sources as rows
from copytaster.store.health import SourceHealth, health_state
from desk import listing, output
from desk.backfill import Filled, Past, Range, check, put
from desk.commands.options import AsJson, ListLimit, date, group, reading, span
from desk.fetching import Fetcher, Manner, check_proxy, whole
from desk.found_words import endpoints_found, print_added, print_site
from desk.opening import Desk, config, desk
from desk.showing import Shown, print_shown
from desk.sources import Options, add, find, look, survey
from desk.standing import print_health
from desk.writing import pair, since_or_all

app = group("The sites that are read.\n\nExample: copytaster source add https://example.org")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name, host, address or id, as the list prints it.")]
Proxy = Annotated[str | None, typer.Option(metavar="URL", help="Ask through this proxy: http://user:password@host:3128")]
Headers = Annotated[list[str] | None, typer.Option("--header", metavar="'NAME: VALUE'", help="Send this header to it.")]
Cookies = Annotated[list[str] | None, typer.Option("--cookie", metavar="NAME=VALUE", help="Send this cookie to it.")]
MOST_SHOWN = 1_000
Agent = Annotated[str | None, typer.Option(metavar="TEXT", help="Ask under this name; crawl.user_agent unless given.")]


@app.command("add")
def add_(
    urls: Annotated[list[str], typer.Argument(metavar="URL…", help="A site, one of its sections, a feed or a sitemap.")],
    *,
    every: Annotated[float | None, span("--every", help="Read it so often: 1m, 10m; else by its own rhythm.")] = None,
    alert_since: Annotated[
        float | None,
        typer.Option(parser=reading(since_or_all), metavar="24h|all", help="Alert for what is already there, too."),
    ] = None,
    proxy: Proxy = None,
    header: Headers = None,
    cookie: Cookies = None,
    user_agent: Agent = None,
    json: AsJson = False,
) -> None:
    """Add sites: their feeds, sitemaps and sections are found by themselves.

    What is there already is read as a baseline and does not alert.

    Example: copytaster source add https://example.org --every 5m
    """
    options = Options(manner=_manner(proxy, header, cookie, user_agent), every_seconds=every, alert_since_seconds=alert_since)
    _add_all(urls, options, {}, json=json)


def _manner(proxy: str | None, headers: Sequence[str] | None, cookies: Sequence[str] | None, agent: str | None) -> Manner:
    return Manner(
        proxy=check_proxy(proxy) if proxy else None,
        headers=dict(reading(pair(":", "'Name: value'"))(each) for each in headers or ()),
        cookies=dict(reading(pair("=", "name=value"))(each) for each in cookies or ()),
        user_agent=agent,
    )


def _add_all(urls: Sequence[str], options: Options, names: Mapping[str, str], *, json: bool) -> None:
    """Each address for itself; one that fails stops no other, and is one sentence on stderr at the end."""
    wanted = list(dict.fromkeys(urls))
    wrong: list[str] = []
    with desk() as here:
        found = survey(here, wanted, options, names)
        for url, site in output.progress(found, "Looking at sites", total=len(wanted)):
            try:
                if isinstance(site, CopytasterError):
                    raise site
                print_added(add(here, site, options), json=json)
            except CopytasterError as error:
                wrong.append(f"{url}: {error}" if url not in str(error) else str(error))
                if json:
                    output.record({"url": url, "error": str(error)})
        with here.store.read() as tx:
            running = bool(processes.every(tx))
    if not running and len(wrong) < len(wanted):
        output.note("Nothing is read yet, for no process runs: copytaster up")
    if len(wrong) > 1:
        for sentence in wrong:
            output.note(sentence)
    if wrong:
        raise Rejected("not_added", wrong[0] if len(wrong) == 1 else f"{len(wrong)} of {len(wanted)} sites were not added.")


@app.command("test")
def try_(
    url: Annotated[str, typer.Argument(metavar="URL")],
    *,
    proxy: Proxy = None,
    header: Headers = None,
    cookie: Cookies = None,
    user_agent: Agent = None,
    json: AsJson = False,
) -> None:
    """Show what would be found at an address; nothing is written.

    Example: copytaster source test https://example.org
    """
    with Fetcher(config(), _manner(proxy, header, cookie, user_agent)) as fetch:
        site = look(whole(url), fetch)
    if json:
        refused = [{"url": place, "why": why} for place, why in site.found.refused]
        output.record({"url": site.url, "name": site.name, "endpoints": endpoints_found(site), "refused": refused})
        return
    print_site(site, "Would add")
    newest = sorted(site.links, key=lambda link: link.published.at if link.published else _OLD, reverse=True)
    for link in newest[:5]:
        said = link.published.isoformat() if link.published else "no date"
        output.say(f"    {said}  {output.clean(link.title or link.url)}")


_OLD = dt.datetime.min.replace(tzinfo=dt.UTC)


@app.command("list")
def list_(limit: ListLimit = None, json: AsJson = False) -> None:
    """List sources with their health, by name; as JSON all of them.

    Example: copytaster source list --json
    """
    with desk() as here:
        found = listing.every_source(here.store)
        listing.show(found, limit, most=MOST_SHOWN, record=_health if json else None, table=print_health)


def _health(source: SourceHealth) -> dict[str, object]:
    return asdict(source) | {"health": health_state(source)}


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show one source: its health, its endpoints, and what was seen where one gives trouble.

    Example: copytaster source show example.org
    """
    with desk() as here, here.store.read() as tx:
        shown = Shown.of(tx, find(tx, name))
    if json:
        output.record(shown.record())
    else:
        print_shown(shown)


@app.command()
def pause(name: Name) -> None:
    """Leave a source alone until it is resumed.

    Example: copytaster source pause example.org
    """
    _set_state(name, "paused", "is left alone; `copytaster source resume` wakes it.")


@app.command()
def resume(name: Name) -> None:
    """Read a paused source again.

    Example: copytaster source resume example.org
    """
    _set_state(name, "active", "is read again.")


@app.command()
def remove(name: Name) -> None:
    """Remove a source; what was read of it stays searchable.

    Example: copytaster source remove example.org
    """
    _set_state(name, "removed", "is removed; what was read of it stays searchable.")


def _set_state(name: str, state: str, said: str) -> None:
    with desk() as here, here.store.write() as tx:
        source = find(tx, name)
        rows.set_state(tx, source.id, state)
    output.say(f"{output.clean(source.name)} {said}")


@app.command()
def backfill(
    name: Name,
    from_: Annotated[dt.datetime | None, date("--from", help="Published then or later.")] = None,
    to: Annotated[dt.datetime | None, date("--to", help="Published before.")] = None,
    json: AsJson = False,
) -> None:
    """Read what a source published before, by its sitemaps and feeds.

    It is searchable, comes after all that is new, and never alerts.

    Example: copytaster source backfill example.org --from 2026-01-01 --to 2026-02-01
    """
    wanted = Range(from_, to)
    check(wanted)
    with desk() as here:
        filled = _fill(here, name, wanted)
    if json:
        output.record(asdict(filled))
        return
    output.say(f"{filled.added} pages are in line, of {filled.within} in the range; {filled.read} sitemaps and feeds were read.")
    if filled.undated:
        output.say(f"{filled.undated} items bear no date, so they were left; without --from and --to they are taken too.")
    for url, why in filled.refused:
        output.note(f"{url}: {why}")
    if not filled.read:
        raise Rejected("nothing_read", "No sitemap and no feed of this source could be read, so there is nothing to go by.")


def _fill(here: Desk, name: str, wanted: Range) -> Filled:
    with here.store.read() as tx:
        source = find(tx, name)
        known = rows.endpoints_of(tx, source.id)
    manner = Manner(proxy=source.proxy, headers=source.headers, cookies=source.cookies, user_agent=source.user_agent)
    with Fetcher(here.config, manner) as fetch:
        past = Past(source, known, fetch, wanted)
        for found in output.progress(past.documents(), "Reading sitemaps and feeds"):
            past.filled.added += put(here.store, source, found)
    return past.filled


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.opml", help="From any feed reader; - for standard input.")],
    json: AsJson = False,
) -> None:
    """Add the feeds of an OPML file.

    Example: copytaster source import subscriptions.opml
    """
    from desk import opml

    entries = opml.read(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    if not entries:
        raise Rejected("no_feeds", f"{file} names no feeds.")
    names = {entry.url: entry.name for entry in entries if entry.name}
    _add_all([entry.url for entry in entries], Options(), names, json=json)


@app.command()
def export() -> None:
    """Print all sources as OPML, for import here or in a feed reader.

    Example: copytaster source export > sources.opml
    """
    from desk import opml

    with desk() as here, here.store.read() as tx:
        listed = [
            opml.Listed(source.url, source.name, [each.url for each in rows.endpoints_of(tx, source.id) if each.kind == "feed"])
            for source in rows.every(tx)
        ]
    output.say(opml.write(listed).rstrip("\n"))
