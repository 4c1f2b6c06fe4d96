"""The index held against the store: what it lacks, what it has in an older version, what it has that the store does not know.

It owns those questions; it must not know watches, nor which articles are to be asked for.
"""

from collections.abc import Sequence

from copytaster.news import ArticleId
from copytaster.store import Store, audits
from copytaster.store.audits import Finding
from search.generations import FullEngine
from workers.audit_rules import lacks_index

STRAY = "The index holds it and the store does not know it: it was taken down or forgotten. `copytaster rebuild` takes it out."


class IndexAudit:
    """Raises Transient or Permanent where store or engine are away."""

    def __init__(self, store: Store, engine: FullEngine) -> None:
        self.store, self.engine = store, engine

    def lacking(self, ids: Sequence[ArticleId]) -> list[Finding]:
        """What the index does not have as it should by now. What is taken down, or indexed, meanwhile lacks nothing, so what
        lacks something is looked at twice.
        """
        lacking = self._lacking(ids)
        if not lacking:
            return []
        self.engine.refresh()
        return self._lacking([each.article_id for each in lacking])

    def _lacking(self, ids: Sequence[ArticleId]) -> list[Finding]:
        held = self.engine.versions(ids)
        with self.store.read() as tx:
            rows, now = audits.these(tx, ids), tx.now
        reasons = [(each, lacks_index(each, now, held.get(each.id))) for each in rows]
        return [Finding(kind="unindexed", article_id=each.id, revision=each.revision, why=why) for each, why in reasons if why]

    def known_strays(self) -> list[Finding]:
        """Those found before that are strays still."""
        with self.store.read() as tx:
            known = audits.articles_with(tx, "stray")
        return self.strays(known)

    def strays(self, ids: Sequence[ArticleId]) -> list[Finding]:
        """Of these ids of the index; rows go first and documents a moment later, so a stray is asked for twice."""
        unknown = self._unknown(ids)
        if not unknown:
            return []
        self.engine.refresh()
        held = self.engine.versions(unknown)
        still = self._unknown([each for each in unknown if each in held])
        return [Finding(kind="stray", article_id=each, revision=0, why=STRAY) for each in still]

    def _unknown(self, ids: Sequence[ArticleId]) -> list[ArticleId]:
        with self.store.read() as tx:
            known = audits.known(tx, ids)
        return [each for each in ids if each not in known]
