"""One endpoint to one reading: ask with its validators, parse off the reactor's thread, follow a sitemap index.

It must not know SQL, nor decide what is new: that is `revisit`, in the transaction that writes it.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from scrapy.http import Response

from copytaster.errors import Rejected
from copytaster.news import Evidence, Link, Source, TroubleKind
from scrapers.admission import HostBusyError
from scrapers.articles import answer_of, header
from scrapers.diagnosis import clean, diagnose, diagnose_empty, evidence_of, of_reason
from scrapers.discovery.boxed import parse_feed_boxed
from scrapers.discovery.feed import MAX_ITEMS
from scrapers.discovery.feeds import links_of
from scrapers.discovery.find import MAX_FEEDS
from scrapers.discovery.links import article_links, find_endpoints
from scrapers.discovery.sitemaps import Sitemap, SitemapChild, parse_sitemap
from scrapers.discovery.websub import offer_of
from scrapers.jobs import Job, Reading, ReadingFailed
from scrapers.middlewares import PERMANENT
from scrapers.sites import rules_for
from scrapers.troubles import verdict_of
from scrapers.verdicts import Answer, Refuse, is_html, judge_status, retry_after_seconds

UNCONDITIONAL_EVERY = 20  # some feeds keep their ETag after changing
MAX_CHILDREN = 50  # sitemaps of an index that one reading follows
MAX_ASKED = 2 * MAX_CHILDREN  # in all, indexes in indexes included
MAX_DEPTH = 3
MAX_URLS = 50_000
OVERLAP = dt.timedelta(days=1)  # a child's date may be a day alone, or wrong by a zone

T = TypeVar("T")
Outcome = Reading | ReadingFailed


class Fetch(Protocol):
    def __call__(self, url: str, source: Source, *, validators: Mapping[str, str] | None = None) -> Awaitable[Response]:
        """One answer, redirects followed."""


class EndpointReader:
    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        # One at a time: parsers hold the interpreter, and big feeds go to a child that can be killed.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parser")

    async def read(self, job: Job) -> Outcome:
        """Never raises for what a site does, but HostBusyError where another crawler holds the host that it leads to."""
        outcome = await self._read(job)
        if isinstance(outcome, ReadingFailed) and seeks_anew(outcome):
            return replace(outcome, feeds=await self._named_at_home(job))
        return outcome

    async def _read(self, job: Job) -> Outcome:
        try:
            response = await self._fetch(job.url, job.source, validators=validators_of(job.row))
        except HostBusyError:
            raise
        except Exception as error:  # noqa: BLE001  a reason is made of each
            return _unanswered(job, error)
        asked = retry_after_seconds(header(response, b"Retry-After"), dt.datetime.now(dt.UTC))
        if response.status == 304:
            return Reading(job=job, unchanged=True, moved_to=moved_to(response), retry_after=asked)
        if response.status != 200:
            return await self._failed(job, response, asked)
        try:
            return await self._parse(job, response)
        except Rejected as error:
            return await self._unread(job, response, error)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _parse(self, job: Job, response: Response) -> Reading:
        read = {"feed": self._feed, "sitemap": self._sitemap, "section": self._section}[job.row.kind]
        found: dict[str, Any] = await read(job, response)
        rules = rules_for(job.source.url)
        if not found["links"] and not found["total"]:
            found |= await self._seen(job, response, partial(diagnose_empty, kind=job.row.kind))
        found["links"] = [link for link in found["links"] if rules.keep(link)]
        return Reading(
            job=job,
            etag=header(response, b"ETag"),
            last_modified=header(response, b"Last-Modified"),
            moved_to=moved_to(response),
            **found,
        )

    async def _named_at_home(self, job: Job) -> Sequence[str]:
        """Feeds that the site's front page names now; none where it can't be had."""
        try:
            response = await self._fetch(job.source.url, job.source, validators={})
        except HostBusyError:
            return ()  # asked again with the next reading
        except Exception:  # noqa: BLE001  it is only a second way; the endpoint's own trouble is told
            return ()
        if response.status != 200 or not is_html(header(response, b"Content-Type") or "", response.body):
            return ()
        found = await self._aside(find_endpoints, response.body, response.url, header(response, b"Content-Type"))
        return [each.url for each in found if each.url != job.url][:MAX_FEEDS]

    async def _feed(self, _job: Job, response: Response) -> dict[str, Any]:
        kind = header(response, b"Content-Type")
        document = await self._aside(parse_feed_boxed, response.body, response.url, kind)
        links = await self._aside(links_of, document)
        offer = offer_of(document, header(response, b"Link"), response.url)
        return {
            "links": links,
            "total": document.total,
            "cut": document.total > MAX_ITEMS,
            "hub": offer.hub if offer else None,
            "topic": offer.topic if offer else None,
            "every_seconds": document.every_seconds,
        }

    async def _section(self, _job: Job, response: Response) -> dict[str, Any]:
        if not is_html(header(response, b"Content-Type") or "", response.body):
            raise Rejected("not_html", "a section must be an HTML page.")
        links = await self._aside(article_links, response.body, response.url, header(response, b"Content-Type"))
        return {"links": links, "total": len(links)}

    async def _sitemap(self, job: Job, response: Response) -> dict[str, Any]:
        found: dict[str, Link] = {}
        await self._follow(job, response, found, {job.url, response.url}, depth=1)
        fresh = [link for link in found.values() if may_be_new(link, job.row.read_at)]
        return {"links": fresh, "total": len(found), "cut": len(found) >= MAX_URLS}

    async def _follow(self, job: Job, response: Response, found: dict[str, Link], asked: set[str], *, depth: int) -> None:
        """Each child once and a hundred in all: indexes exist that name each other, or themselves under new addresses."""
        sitemap: Sitemap = await self._aside(parse_sitemap, response.body, response.url)
        for link in sitemap.links[: MAX_URLS - len(found)]:
            found.setdefault(link.id, link)
        if depth >= MAX_DEPTH:
            return
        for child in children_to_follow(sitemap.children, job.row.read_at):
            if len(found) >= MAX_URLS or len(asked) > MAX_ASKED:
                return
            if child.url in asked:
                continue
            asked.add(child.url)
            try:
                answer = await self._fetch(child.url, job.source, validators={})
                if answer.status == 200:
                    await self._follow(job, answer, found, asked, depth=depth + 1)
            except HostBusyError:
                raise
            except Exception as error:  # noqa: BLE001  one broken child must not hide the others
                verdict_of(error, child.url)

    async def _failed(self, job: Job, response: Response, asked: float | None) -> ReadingFailed:
        verdict = judge_status(response.status, response.url, asked)
        reason, detail = getattr(verdict, "reason", "bad_status"), getattr(verdict, "detail", "")
        return ReadingFailed(job=job, reason=reason, detail=detail, retry_after=asked, **await self._seen(job, response))

    async def _unread(self, job: Job, response: Response, error: Rejected) -> ReadingFailed:
        """It answers, with something that is no feed."""
        return ReadingFailed(job=job, reason=error.reason, detail=f"{job.url}: {error}", **await self._seen(job, response))

    async def _seen(self, job: Job, response: Response, judge: Callable[[Answer], TroubleKind] = diagnose) -> dict[str, Any]:
        """What is wrong with the answer, and what of it is kept as evidence."""
        answer = answer_of(job.url, response)
        return {"trouble": await self._aside(judge, answer), "evidence": await self._aside(evidence_of, answer)}

    async def _aside(self, function: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args))


def validators_of(row: Any) -> dict[str, str]:
    """Headers of a conditional request; none of them now and then."""
    if row.readings % UNCONDITIONAL_EVERY == UNCONDITIONAL_EVERY - 1:
        return {}
    headers = {"If-None-Match": row.etag, "If-Modified-Since": row.last_modified}
    return {name: value for name, value in headers.items() if value}


def moved_to(response: Response) -> str | None:
    """Where an endpoint lives now, if every hop on the way there was a permanent one."""
    hops: Sequence[tuple[int, str]] = response.request.meta.get("hops", ()) if response.request else ()
    return response.url if hops and all(status in PERMANENT for status, _ in hops) else None


def may_be_new(link: Link, since: dt.datetime | None) -> bool:
    """Whether the last reading may have missed it: of 50,000 dated URLs all but a few are older."""
    printed = link.updated or link.published
    return since is None or printed is None or printed.at >= since - 3 * OVERLAP


def children_to_follow(children: Sequence[SitemapChild], since: dt.datetime | None) -> list[SitemapChild]:
    """Of an index: what changed since the last reading, the newest first; without dates the last and first few.

    Sites append new children at one end or the other; none of 100 looked at puts them in the middle.
    """
    dated = [child for child in children if child.updated]
    bare = [child for child in children if not child.updated]
    if since:
        dated = [child for child in dated if child.updated and child.updated.at >= since - OVERLAP]
    dated.sort(key=lambda child: child.updated.at if child.updated else since, reverse=True)  # type: ignore[arg-type, return-value]
    few = 4
    ends = bare if len(bare) <= 2 * few else bare[:few] + bare[-few:]
    return [*dated[: MAX_CHILDREN - len(ends)], *ends]


def seeks_anew(failed: ReadingFailed) -> bool:
    """Whether the site is asked for its feeds again: the second failure in a row is no accident, and later ones come seldom."""
    return failed.trouble in ("moved", "malformed") and failed.job.attempts >= 2


def _unanswered(job: Job, error: Exception) -> ReadingFailed:
    verdict = verdict_of(error, job.url)
    forbidden = isinstance(verdict, Refuse) and verdict.reason == "robots"
    return ReadingFailed(
        job=job,
        reason=verdict.reason,
        detail=verdict.detail,
        trouble=of_reason("robots_forbid" if forbidden else verdict.reason),
        evidence=Evidence(url=clean(job.url, 2_000)),
    )
