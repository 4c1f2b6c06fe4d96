"""From leases and jobs to results: one coroutine asks each leased host, in its own time, and one loop ticks the frontier.

It owns concurrency, pace and the end of a run; it must not know SQL, nor what an answer means.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from copytaster.config import Config
from copytaster.errors import CopytasterError, Transient
from copytaster.store.hosts import HostLease, Manners
from scrapers.frontier import LINKS_A_HOST, Frontier, Wants
from scrapers.jobs import GivenBack, Job, LinkRetry, Outcome, PageKept, ReadingFailed, Result, Work

TICK_SECONDS = 0.2  # at most five transactions a second
IDLE_SECONDS = 1.0
DRAIN_SECONDS = 10.0  # what is under way at the end of a run may take so long
CANCEL_SECONDS = 2.0
HUNGRY = 4  # jobs left
MAX_PAUSE_SECONDS = 3_600.0  # a host that answers 429 is left alone as it asks, but not for ever

log = structlog.get_logger("crawl")


class Pace(Protocol):
    """How fast a host may be asked."""

    def begin(self, lease: HostLease) -> None:
        """Takes over the manners that the last crawler had with it."""

    def wait_seconds(self, host: str) -> float:
        """Until its next request may go out."""

    def manners(self, host: str) -> Manners:
        """What the next crawler should know."""


@dataclass(slots=True)
class Host:
    name: str
    queue: deque[Job] = field(default_factory=deque)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    paused_seconds: float = 0.0

    @property
    def hungry(self) -> bool:
        return len(self.queue) < HUNGRY and not self.paused_seconds

    @property
    def idle(self) -> bool:
        return not self.queue and not self.tasks


class Crawl:
    """``work`` turns a job into its outcome and may take as long as it likes; it is cancelled at the end."""

    def __init__(self, frontier: Frontier, pace: Pace, work: Callable[[Job], Awaitable[Outcome]], config: Config) -> None:
        self._frontier, self._pace, self._work, self._config = frontier, pace, work, config.crawl
        self._hosts: dict[str, Host] = {}
        self._busy: dict[str, Job] = {}
        self._results: list[Result] = []
        self._places = asyncio.Semaphore(self._config.concurrency)
        self._wake = asyncio.Event()
        self._ticking: asyncio.Future[Work] | None = None
        self.pages = 0

    async def run(self) -> None:
        """Until time or pages are used up, or, for one source, until nothing of it is due."""
        try:
            await self._run()
        except asyncio.CancelledError:  # SIGTERM: Scrapy waits for what is under way before it closes the spider
            self._cancel()
            raise

    async def _run(self) -> None:
        until = time.monotonic() + self._config.run_seconds
        await self._frontier.open()
        while time.monotonic() < until and self.pages < self._config.run_pages:
            work = await self._tick()
            if not work.more and not self._busy and not self._results:
                break
            await self._rest(until, patience=TICK_SECONDS if work.jobs else IDLE_SECONDS)
        await self._drain()

    def keep(self, result: Result) -> None:
        """Takes a result for the next transaction."""
        self._results.append(result)
        self.pages += isinstance(result, PageKept)
        self._wake.set()

    async def close(self) -> None:
        """Ends what is under way and writes what there is; hosts go back. Safe to call after ``run`` and in its midst."""
        if self._ticking and not self._ticking.done():
            with contextlib.suppress(CopytasterError):
                self._busy |= {job.id: job for job in (await self._ticking).jobs}
        if tasks := self._cancel():
            await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        self._results += [GivenBack(job=job) for job in self._busy.values()]
        self._busy.clear()
        idle = {name: self._manners(host) for name, host in self._hosts.items()}
        with contextlib.suppress(CopytasterError):  # a store that is gone gets its rows back when the leases run out
            await self._frontier.close(Wants(results=self._results, idle=idle))

    def _cancel(self) -> list[asyncio.Task[None]]:
        tasks = [task for host in self._hosts.values() for task in host.tasks]
        for task in tasks:
            task.cancel()
        return tasks

    # -- the loop ------------------------------------------------------------------------------------------------------

    async def _tick(self) -> Work:
        results, self._results = self._results, []
        wants = Wants(
            results=results,
            held=frozenset(self._hosts),
            hungry=[name for name, host in self._hosts.items() if host.hungry],
            idle={name: self._manners(host) for name, host in self._hosts.items() if host.idle},
            busy=list(self._busy.values()),
            hosts=2 * self._config.concurrency - len(self._hosts),
            links=LINKS_A_HOST * self._config.concurrency - len(self._busy),
        )
        try:
            # Shielded: a transaction that has begun ends, and what it claimed must be given back.
            self._ticking = asyncio.ensure_future(self._frontier.tick(wants))
            work = await asyncio.shield(self._ticking)
        except Transient as error:
            log.warning("store out of reach", error=str(error))
            self._results = results + self._results  # nothing was written; if the leases run out they are dropped
            await asyncio.sleep(min(error.retry_after or 1.0, 5.0))
            return Work()
        self._take(work)
        return work

    def _take(self, work: Work) -> None:
        for lease in work.leases:
            self._hosts[lease.host] = Host(lease.host)
            self._pace.begin(lease)
        for name in work.lost:
            self._forget(name)
        for job in work.jobs:
            if host := self._hosts.get(job.host):
                self._busy[job.id] = job
                host.queue.append(job)
        for host in self._hosts.values():
            self._serve(host)

    def _forget(self, name: str) -> None:
        if host := self._hosts.pop(name, None):
            for job in host.queue:
                self._busy.pop(job.id, None)
            host.queue.clear()

    async def _rest(self, until: float, *, patience: float) -> None:
        """Until there is something to write, but never twice within a tick."""
        self._wake.clear()
        await asyncio.sleep(TICK_SECONDS)
        if not self._results:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(patience, max(until - time.monotonic(), 0)))

    async def _drain(self) -> None:
        """The end of a run: nothing new is begun, what is under way may finish."""
        for host in self._hosts.values():
            self._give_back(host)
        tasks = [task for host in self._hosts.values() for task in host.tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=DRAIN_SECONDS)

    # -- one host ------------------------------------------------------------------------------------------------------

    def _serve(self, host: Host) -> None:
        while host.queue and len(host.tasks) < min(self._config.per_host, len(host.queue)):
            task = asyncio.get_running_loop().create_task(self._ask(host))
            host.tasks.add(task)
            task.add_done_callback(host.tasks.discard)

    async def _ask(self, host: Host) -> None:
        while host.queue:
            # Before taking a place: who waits for a slow host must hold up no other.
            await asyncio.sleep(max(self._pace.wait_seconds(host.name), 0))
            async with self._places:
                if not host.queue:
                    return
                job = host.queue.popleft()
                outcome = await self._outcome(job)
            self._busy.pop(job.id, None)
            if host.name in self._hosts:
                self.keep(outcome)
                self._heed(host, outcome)

    async def _outcome(self, job: Job) -> Outcome:
        try:
            return await self._work(job)
        except Exception as error:  # one page must not end the run; it is tried again, then refused
            log.exception("fetch failed in a way that nobody foresaw", url=job.url)
            detail = f"{job.url}: {type(error).__name__}: {error}"
            if job.kind == "endpoint":
                return ReadingFailed(job=job, reason="internal", detail=detail)
            return LinkRetry(job=job, reason="internal", detail=detail, seconds=0)

    def _heed(self, host: Host, outcome: Outcome) -> None:
        """A host that names a time to come back is left alone until then."""
        asked = outcome.retry_after if isinstance(outcome, ReadingFailed) else None
        if isinstance(outcome, LinkRetry) and outcome.reason in ("rate_limited", "server_error"):
            asked = outcome.asked
        if asked:
            host.paused_seconds = min(asked, MAX_PAUSE_SECONDS)
            self._give_back(host)

    def _give_back(self, host: Host) -> None:
        for job in host.queue:
            self._busy.pop(job.id, None)
            self.keep(GivenBack(job=job))
        host.queue.clear()

    def _manners(self, host: Host) -> Manners:
        manners = self._pace.manners(host.name)
        return Manners(max(manners.wait_seconds, host.paused_seconds), manners.delay_seconds)
