"""One link to one outcome: fetch its page, ask what the answer means, render it where it needs a browser.

It must not know SQL; the verdicts are made in `verdicts` and `troubles`.
"""

import datetime as dt
from collections.abc import Awaitable
from typing import Any, Protocol

from scrapy.http import Response

from copytaster.news import LinkId, Page, Source
from scrapers.admission import HostBusyError
from scrapers.discovery.links import needs_javascript
from scrapers.jobs import Job, LinkRefused, LinkRetry, Outcome, PageKept
from scrapers.sites import rules_for
from scrapers.troubles import verdict_of
from scrapers.verdicts import Answer, Keep, Refuse, Retry, Verdict, backoff_seconds, judge, retry_after_seconds


class Fetch(Protocol):
    def __call__(self, url: str, source: Source, *, render: bool = False) -> Awaitable[Response]:
        """One answer, redirects followed."""


class ArticleFetcher:
    def __init__(self, fetch: Fetch, *, render: bool = False) -> None:
        self._fetch, self._render = fetch, render

    async def fetch(self, job: Job) -> Outcome:
        """Never raises for what a site does, but HostBusyError for what we do; else only our own mistakes come through."""
        url = rules_for(job.url).page_url(job.url)
        response, verdict = await self._ask(job, url)
        if isinstance(verdict, Keep) and response is not None and needs_javascript(response.body):
            verdict = Refuse("needs_javascript", f"{url} is empty without JavaScript: set crawl.render to have it rendered.")
            if self._render:
                response, verdict = await self._ask(job, url, render=True)
        if isinstance(verdict, Keep) and response is not None:
            return _kept(job, response)
        return outcome_of(job, verdict)

    async def _ask(self, job: Job, url: str, **how: Any) -> tuple[Response | None, Verdict]:
        try:
            response = await self._fetch(url, job.source, **how)
        except HostBusyError:
            raise
        except Exception as error:  # noqa: BLE001  a verdict is made of each
            return None, verdict_of(error, url)
        return response, judge(answer_of(url, response))


def answer_of(asked: str, response: Response) -> Answer:
    return Answer(
        asked=asked,
        url=response.url,
        status=response.status,
        content_type=header(response, b"Content-Type") or "",
        body=response.body,
        retry_after=retry_after_seconds(header(response, b"Retry-After"), dt.datetime.now(dt.UTC)),
    )


def outcome_of(job: Job, verdict: Verdict) -> Outcome:
    if isinstance(verdict, Retry):
        seconds = max(verdict.seconds or 0.0, backoff_seconds(job.attempts))
        return LinkRetry(job=job, reason=verdict.reason, detail=verdict.detail, seconds=seconds, asked=verdict.seconds)
    assert isinstance(verdict, Refuse)
    return LinkRefused(job=job, reason=verdict.reason, detail=verdict.detail)


def _kept(job: Job, response: Response) -> PageKept:
    page = Page(
        link_id=LinkId(job.id),
        url=response.url,
        status=response.status,
        content_type=header(response, b"Content-Type") or "",
        body=response.body,
        fetched_at=dt.datetime.now(dt.UTC),
    )
    packed = response.request.meta.get("packed") if response.request else None
    return PageKept(job=job, page=page, packed=packed)


def header(response: Response, name: bytes) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1") if value else None
