"""The frontier: between the rows and the spider, on a thread of its own so that SQL never holds up the network.

One tick is one transaction: it writes what came back, holds on to leases, claims more, and gives back idle hosts. It
must not fetch, and decides nothing about rhythm or baseline: `ledger` asks the deciders.
"""

import asyncio
import datetime as dt
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from copytaster.config import Config
from copytaster.crashpoints import crashpoint
from copytaster.errors import Transient
from copytaster.news import SourceId
from copytaster.store import Store, Tx, hosts, links, pages, sources
from copytaster.store.db import Record
from copytaster.store.hosts import HostLease, Manners
from copytaster.store.processes import Progress
from scrapers import ledger, sites
from scrapers.jobs import Job, PageKept, Result, Work

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0
LINKS_A_HOST = 16  # claimed at once; more would keep newer work of the host waiting behind them
ENDPOINTS_A_HOST = 4
TURN_SECONDS = 10.0  # after which a host gets no more work while others wait for a crawler
Hint = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What the spider tells the frontier at a tick."""

    results: Sequence[Result] = ()
    held: Collection[str] = ()  # hosts that it believes to hold
    hungry: Mapping[str, float] = field(default_factory=dict)  # … with (nearly) nothing left to do, and for how long held
    idle: Mapping[str, Manners] = field(default_factory=dict)  # … of those, with nothing under way either
    busy: Collection[Job] = ()  # claimed and not yet done
    hosts: int = 0  # how many more it can serve
    links: int = 0


class Frontier:
    """``source_id`` restricts everything to one source. ``hint`` is told "ingest" once for each page that is a row."""

    def __init__(self, store: Store, config: Config, *, source_id: SourceId | None = None, hint: Hint | None = None) -> None:
        self._store, self._config, self._source_id = store, config, source_id
        self._hint = hint or (lambda _: None)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="frontier")
        self._renewed_at = time.monotonic()
        self._progress = Progress(store, "crawl")
        self.token = f"{self._progress.name}/{secrets.token_hex(8)}"

    async def open(self) -> None:
        """Adds the endpoints that the rules of known sites ask for."""
        await self._run(self._add_site_endpoints)

    async def tick(self, wants: Wants) -> Work:
        """Raises Transient where the store can't be reached: nothing was written, and the results are to be kept."""
        work: Work = await self._run(self._tick, wants)
        return work

    async def robots(self, host: str) -> tuple[int, bytes, dt.datetime] | None:
        """The kept robots.txt of a host that may not be leased: a redirect leads anywhere."""
        kept: tuple[int, bytes, dt.datetime] | None = await self._run(self._robots, host)
        return kept

    async def visit(self, host: str) -> HostLease | None:
        """Leases a host that a redirect leads to; None while another crawler holds it, or it wants to be left alone."""
        lease: HostLease | None = await self._run(self._visit, host)
        return lease

    async def close(self, wants: Wants) -> None:
        """Writes the last results and gives everything back."""
        try:
            await self._run(self._give_up, wants)
        finally:
            self._thread.shutdown(wait=True)

    async def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    # -- on the thread -------------------------------------------------------------------------------------------------

    def _tick(self, wants: Wants) -> Work:
        self._progress.note()
        if not wants.held and not wants.results and not self._anything_due():
            return Work(more=self._more())
        crashpoint("crawl.results")
        with self._store.write() as tx:
            held, renewed = self._hold(tx, wants)
            ledger.write(tx, [one for one in wants.results if ledger.may_write(one, held)], self._config)
            leases, jobs = self._claim(tx, wants, held)
            unused = self._release(tx, wants, leases, jobs)
        crashpoint("crawl.written")
        self._tell(wants.results, held)
        return Work(
            leases=[lease for lease in leases if lease.host not in unused],
            jobs=jobs,
            lost=frozenset(set(wants.held) - held) | unused & set(wants.held),
            renewed=renewed,
            more=True if jobs or wants.busy else self._more(),
        )

    def _anything_due(self) -> bool:
        with self._store.read() as tx:
            return hosts.claimable(tx)

    def _more(self) -> bool:
        """Whether a run for one source has anything to wait for; a run for all always has."""
        if self._source_id is None:
            return True
        with self._store.read() as tx:
            return bool(sources.hosts_with_work(tx, self._source_id, tx.now))

    def _hold(self, tx: Tx, wants: Wants) -> tuple[set[str], bool]:
        if time.monotonic() - self._renewed_at < RENEW_SECONDS:
            return hosts.held(tx, self.token), False
        self._renewed_at = time.monotonic()
        held = hosts.renew(tx, self.token, seconds=LEASE_SECONDS)
        mine = [job for job in wants.busy if job.host in held]
        links.hold(tx, [job.id for job in mine if job.kind == "link"], seconds=LEASE_SECONDS)
        sources.hold_endpoints(tx, [job.id for job in mine if job.kind == "endpoint"], seconds=LEASE_SECONDS)
        return held, True

    def _claim(self, tx: Tx, wants: Wants, held: set[str]) -> tuple[list[HostLease], list[Job]]:
        full = pages.waiting(tx) >= self._config.crawl.pages_in_flight
        leases: list[HostLease] = []
        if wants.hosts > 0 and not full:
            only = None if self._source_id is None else sources.hosts_with_work(tx, self._source_id, tx.now)
            leases = hosts.claim(tx, self.token, limit=wants.hosts, seconds=LEASE_SECONDS, only=only)
        others_wait = wants.hosts <= 0 and hosts.claimable(tx)
        names = (may_go_on(wants.hungry, others_wait=others_wait) & held) | {lease.host for lease in leases}
        if not names:
            return leases, []
        rows: list[tuple[str, Record]] = []
        claim: dict[str, Any] = {"seconds": LEASE_SECONDS, "source_id": self._source_id}
        most = ENDPOINTS_A_HOST * len(names)
        rows += [("endpoint", row) for row in sources.claim_endpoints(tx, names, each=ENDPOINTS_A_HOST, limit=most, **claim)]
        if not full and wants.links > 0:
            rows += [("link", row) for row in links.claim(tx, names, each=LINKS_A_HOST, limit=wants.links, **claim)]
        return leases, _jobs(tx, rows, {job.id for job in wants.busy})

    def _release(self, tx: Tx, wants: Wants, leases: Sequence[HostLease], jobs: Sequence[Job]) -> frozenset[str]:
        """Gives back what has no work: idle hosts with their manners, and new leases that brought nothing."""
        working = {job.host for job in jobs}
        given = {host: manners for host, manners in wants.idle.items() if host not in working}
        given |= {lease.host: Manners() for lease in leases if lease.host not in working}
        hosts.release(tx, self.token, given)
        return frozenset(given)

    def _tell(self, results: Sequence[Result], held: set[str]) -> None:
        for one in results:
            if isinstance(one, PageKept) and ledger.may_write(one, held):
                self._hint("ingest")

    def _give_up(self, wants: Wants) -> None:
        with self._store.write() as tx:
            held = hosts.held(tx, self.token)
            ledger.write(tx, [one for one in wants.results if ledger.may_write(one, held)], self._config)
            hosts.release(tx, self.token, {host: wants.idle.get(host, Manners()) for host in held})
        self._tell(wants.results, held)

    def _robots(self, host: str) -> tuple[int, bytes, dt.datetime] | None:
        with self._store.read() as tx:
            return hosts.robots_of(tx, host)

    def _visit(self, host: str) -> HostLease | None:
        with self._store.write() as tx:
            return hosts.visit(tx, self.token, host, seconds=LEASE_SECONDS)

    def _add_site_endpoints(self) -> None:
        with self._store.read() as tx:
            missing = sites.missing_endpoints(
                sources.of_sites(tx, sites.names()),
                lambda source: sources.endpoints_of(tx, source.id),
                tx.now,
            )
        if missing:
            with self._store.write() as tx:
                for endpoint in missing:
                    sources.add_endpoint(tx, endpoint)


def may_go_on(hungry: Mapping[str, float], *, others_wait: bool) -> set[str]:
    """Which of the hosts with nearly nothing left get more: all, unless others wait; then those whose turn is not over.

    A host with 50,000 pages would else keep its place for half a day.
    """
    return {host for host, seconds in hungry.items() if not others_wait or seconds < TURN_SECONDS}


def _jobs(tx: Tx, rows: Sequence[tuple[str, Record]], busy: set[str]) -> list[Job]:
    """Jobs with their sources; what is already under way stays with whoever has it."""
    known = sources.by_ids(tx, sorted({row.source_id for _, row in rows})) if rows else {}
    return [
        Job(
            kind="endpoint" if kind == "endpoint" else "link",
            id=row.id,
            url=row.url,
            host=row.host,
            source=known[row.source_id],
            row=row,
            attempts=row.attempts + 1 if kind == "link" else row.failures + 1,
        )
        for kind, row in rows
        if row.id not in busy
    ]


__all__ = ["Frontier", "Hint", "Transient", "Wants"]
