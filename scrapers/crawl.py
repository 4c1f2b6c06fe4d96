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
from scrapers.admission import HostBusyError
from scrapers.frontier import LEASE_SECONDS, LINKS_A_HOST, Frontier, Wants
from scrapers.jobs import GivenBack, Job, LinkRetry, Outcome, PageKept, ReadingFailed, Result, Work

TICK_SECONDS = 0.2  # at most five transactions a second
IDLE_SECONDS = 1.0
DRAIN_SECONDS = 10.0  # what is under way at the end of a run may take so long
CANCEL_SECONDS = 2.0
HUNGRY = 4  # jobs left
HOSTS_A_PLACE = 4  # hosts held for one request under way: most of the time a host waits for its delay
SURE_SECONDS = LEASE_SECONDS - 5.0  # so long after a lease began nothing new is asked until it is known to be still ours
BUSY_SECONDS = 5.0  # waited for a host that a redirect leads to and that another crawler holds
BUSY_EVERY_SECONDS = 0.5
VISIT_SECONDS = 60.0  # a request that never said it ended holds a host no longer
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
    since: float = 0.0  # when it was leased, by `clock`
    sure_until: float = 0.0  # until when nobody else can hold it
    guests: dict[int, float] = field(default_factory=dict)  # requests under way to it, and when they are forgotten

    @property
    def hungry(self) -> bool:
        return len(self.queue) < HUNGRY and not self.paused_seconds

    @property
    def idle(self) -> bool:
        return not self.queue and not self.tasks and not any(until > clock() for until in self.guests.values())


def clock() -> float:
    """Seconds that go on while the machine sleeps, where the system counts them (Linux): leases run out meanwhile."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


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
        self._turn = asyncio.Lock()  # a tick gives hosts back while a redirect may ask for them
        self._leaving: frozenset[str] = frozenset()
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
            async with self._turn:
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

    async def admit(self, name: str, request: int) -> None:
        """Comes back when this host may be asked under our lease, whose work it ever is; raises HostBusyError."""
        until = clock() + BUSY_SECONDS
        while not self.may_go(name) and not await self._visit(name):
            if clock() > until:
                raise HostBusyError(name)
            await asyncio.sleep(BUSY_EVERY_SECONDS)
        self._hosts[name].guests[request] = clock() + VISIT_SECONDS

    def may_go(self, name: str) -> bool:
        """Whether its lease is surely ours now."""
        host = self._hosts.get(name)
        return host is not None and name not in self._leaving and clock() < host.sure_until

    def leave(self, name: str, request: int) -> None:
        """The request has its answer, or failed."""
        if host := self._hosts.get(name):
            host.guests.pop(request, None)

    async def _visit(self, name: str) -> bool:
        async with self._turn:
            began = clock()
            lease = await self._frontier.visit(name)
            if lease is None:
                return False
            if name not in self._hosts:
                self._hosts[name] = Host(name, since=began)
                self._pace.begin(lease)
            self._hosts[name].sure_until = began + SURE_SECONDS
            return True

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
        began = clock()
        wants = Wants(
            results=results,
            held=frozenset(self._hosts),
            hungry={name: began - host.since for name, host in self._hosts.items() if host.hungry},
            idle={name: self._manners(host) for name, host in self._hosts.items() if host.idle},
            busy=list(self._busy.values()),
            hosts=HOSTS_A_PLACE * self._config.concurrency - len(self._hosts),
            links=LINKS_A_HOST * self._config.concurrency - len(self._busy),
        )
        self._leaving = frozenset(wants.idle)
        try:
            # Shielded: a transaction that has begun ends, and what it claimed must be given back.
            self._ticking = asyncio.ensure_future(self._frontier.tick(wants))
            work = await asyncio.shield(self._ticking)
        except Transient as error:
            log.warning("store out of reach", error=str(error))
            self._results = results + self._results  # nothing was written; if the leases run out they are dropped
            await asyncio.sleep(min(error.retry_after or 1.0, 5.0))
            return Work()
        finally:
            self._leaving = frozenset()
        self._take(work, began)
        return work

    def _take(self, work: Work, began: float) -> None:
        for name in work.lost:
            self._forget(name)
        for held in self._hosts.values() if work.renewed else ():
            held.sure_until = began + SURE_SECONDS
        for lease in work.leases:
            self._hosts[lease.host] = Host(lease.host, since=began, sure_until=began + SURE_SECONDS)
            self._pace.begin(lease)
        for job in work.jobs:
            if host := self._hosts.get(job.host):
                self._busy[job.id] = job
                host.queue.append(job)
        for host in self._hosts.values():
            self._serve(host)

    def _forget(self, name: str) -> None:
        if host := self._hosts.pop(name, None):
            for task in host.tasks:
                task.cancel()
            for job in [job for job in self._busy.values() if job.host == name]:
                del self._busy[job.id]
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
                # A process that was stopped for a while goes on here: the next tick tells whether the host is still ours.
                if not host.queue or clock() > host.sure_until:
                    return
                job = host.queue.popleft()
                outcome = await self._outcome(job)
            self._busy.pop(job.id, None)
            if self._hosts.get(host.name) is host:
                self.keep(outcome)
                self._heed(host, outcome)

    async def _outcome(self, job: Job) -> Outcome:
        try:
            return await self._work(job)
        except HostBusyError as error:
            return GivenBack(job=job, host=error.host)
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
