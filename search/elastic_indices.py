"""The monthly indices behind the read alias, in generations: which there are, how one is made, how one takes over.

It owns names, aliases and their races; it must not know documents or queries. An index is ``<alias>-2026.11-3``: month
and generation. The read alias has every index of the current generation; while a rebuild runs, ``<alias>-building`` has
those of the next one.

Nothing here is remembered between calls. An alias is only given together with a proof that its generation still has it
(``_granted``), so no writer that was slow can bring an old generation back or lose a new month of the next one.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from elasticsearch import AuthorizationException, BadRequestError, NotFoundError

from copytaster.errors import Permanent
from search import elastic_mapping
from search.elastic_client import Cluster

_NAME = re.compile(r"(.+)-(\d{4}\.\d{2})-(\d+)")


class Index(NamedTuple):
    name: str
    month: str
    generation: int
    aliases: frozenset[str]
    uuid: str = ""


class Wanted(NamedTuple):
    """Where documents go: a month of a generation, behind an alias."""

    alias: str
    generation: int
    month: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What there was at one moment. ``current`` is 0 where the read alias has no index, ``building`` where none is built."""

    alias: str
    indices: Mapping[str, Index]

    @property
    def building_alias(self) -> str:
        return f"{self.alias}-building"

    @property
    def current(self) -> int:
        return self._newest(self.alias)

    @property
    def building(self) -> int:
        newest = self._newest(self.building_alias)
        return newest if newest > self.current else 0

    @property
    def newest(self) -> int:
        return max((index.generation for index in self.indices.values()), default=0)

    def of(self, generation: int) -> list[Index]:
        return [index for index in self.indices.values() if index.generation == generation]

    def live(self) -> list[Index]:
        """All that an article may be in."""
        return [index for index in self.indices.values() if index.generation in {self.current, self.building}]

    def name(self, wanted: Wanted) -> str:
        return f"{self.alias}-{wanted.month}-{wanted.generation}"

    def uuids(self, names: Iterable[str]) -> dict[str, str]:
        """By name; "" where the index was not there yet."""
        return {name: self.indices[name].uuid if name in self.indices else "" for name in names}

    def has(self, wanted: Wanted) -> bool:
        index = self.indices.get(self.name(wanted))
        return index is not None and wanted.alias in index.aliases

    def _newest(self, alias: str) -> int:
        return max((index.generation for index in self.indices.values() if alias in index.aliases), default=0)


def layout_of(alias: str, answer: Mapping[str, Any]) -> Layout:
    """From ``GET <alias>-*`` with aliases and uuids; indices of others that begin alike are left out."""
    ours = ((name, _NAME.fullmatch(name)) for name in answer)
    indices = {
        name: Index(name, found[2], int(found[3]), frozenset(answer[name].get("aliases", ())), _uuid(answer[name]))
        for name, found in ours
        if found is not None and found[1] == alias
    }
    return Layout(alias, indices)


def _uuid(told: Mapping[str, Any]) -> str:
    found: str = told.get("settings", {}).get("index", {}).get("uuid", "")
    return found


def month_of(moment: dt.datetime) -> str:
    utc = moment.astimezone(dt.UTC)
    return f"{utc.year:04}.{utc.month:02}"


class Indices:
    """The indices of one alias in a cluster."""

    def __init__(self, cluster: Cluster, alias: str, replicas: int) -> None:
        self.cluster = cluster
        self.alias = alias
        self.replicas = replicas

    def layout(self) -> Layout:
        with self.cluster.client() as client:
            answer = client.indices.get(
                index=f"{self.alias}-*", expand_wildcards="all", features="aliases,settings",
                filter_path=["*.aliases", "*.settings.index.uuid"],
            )  # fmt: skip
        return layout_of(self.alias, answer.body)

    def put_template(self, *, if_allowed: bool = False) -> None:
        """Indices are made without it; it keeps others from making one of their name. Our key may not write templates."""
        body = elastic_mapping.template(self.alias, self.replicas)
        meta = body.pop("_meta")
        with self.cluster.client() as client:
            try:
                client.indices.put_index_template(name=self.alias, meta=meta, **body)
            except AuthorizationException:
                if not if_allowed:
                    raise

    def ensure(self, layout: Layout, wanted: Collection[Wanted]) -> bool:
        """Make those that are missing. False: the generations have changed since ``layout``, so look again."""
        return all(layout.has(each) or self._make(layout, each) for each in sorted(wanted))

    def begin(self, layout: Layout, month: str) -> int:
        """The next generation, with its first index. Whatever is left of an earlier try goes."""
        self.drop(index.name for index in layout.indices.values() if index.generation != layout.current)
        wanted = Wanted(layout.building_alias, layout.newest + 1, month)
        if not self._create(layout.name(wanted), wanted.alias):
            raise Permanent("Another rebuild of the search index has just begun; let it end.")
        return wanted.generation

    def swap(self, layout: Layout) -> None:
        """In one step the generation that was built takes over and the old ones are gone."""
        old = [index for index in layout.indices.values() if index.generation < layout.building]
        self._take_over(layout, layout.of(layout.building), old)
        self._mend(layout.building)

    def drop(self, names: Iterable[str]) -> list[str]:
        """Delete these indices; one that is gone already is no error."""
        gone = list(names)
        with self.cluster.client() as client:
            for start in range(0, len(gone), 20):  # names go in the address, which may have 4,096 bytes
                client.indices.delete(index=gone[start : start + 20], ignore_unavailable=True)
        return gone

    def _mend(self, generation: int) -> None:
        """Months that slow writers made while the generation took over: a new one comes with it, an old one goes."""
        while True:
            layout = self.layout()
            late = [index for index in layout.of(generation) if layout.building_alias in index.aliases]
            old = [index for index in layout.indices.values() if index.generation < generation]
            if not late and not old:
                return
            self._take_over(layout, late, old)

    def _take_over(self, layout: Layout, new: Iterable[Index], old: Iterable[Index]) -> None:
        """In one step, so that no search sees both, or neither."""
        actions = [
            action(index.name, alias)
            for index in new
            for action, alias in ((_remove, layout.building_alias), (_add, layout.alias))
        ]
        actions += [{"remove_index": {"index": index.name}} for index in old]
        with self.cluster.client() as client:
            client.indices.update_aliases(actions=actions)

    def _make(self, layout: Layout, wanted: Wanted) -> bool:
        name = layout.name(wanted)
        witness = next((index.name for index in layout.of(wanted.generation) if wanted.alias in index.aliases), None)
        if witness is None:  # the first of all: there is no generation that could be taken over
            return self._create(name, wanted.alias)
        made = self._create(name)
        if self._granted(name, wanted.alias, witness):
            return True
        if made:
            self.drop([name])
        return False

    def _create(self, name: str, *aliases: str) -> bool:
        """False: it is there already, made by another process."""
        body = elastic_mapping.index_body(self.replicas)
        with self.cluster.client() as client:
            try:
                client.indices.create(index=name, aliases={alias: {} for alias in aliases}, **body)
            except BadRequestError as error:
                if error.error != "resource_already_exists_exception":
                    raise
                return False
        return True

    def _granted(self, name: str, alias: str, witness: str) -> bool:
        """Whether the index got the alias: only if the witness, of the same generation, has it at the same moment."""
        with self.cluster.client() as client:
            try:
                client.indices.update_aliases(actions=[_remove(witness, alias), _add(witness, alias), _add(name, alias)])
            except NotFoundError:
                return False
        return True


def _add(index: str, alias: str) -> dict[str, Any]:
    return {"add": {"index": index, "alias": alias}}


def _remove(index: str, alias: str) -> dict[str, Any]:
    return {"remove": {"index": index, "alias": alias, "must_exist": True}}
