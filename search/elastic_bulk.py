"""Documents to Elasticsearch in bulk: each ready to be sent, requests of bounded size, and what became of each.

It owns the bulk format and the meaning of its answers; it must not know generations, aliases or queries.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from elasticsearch import ApiError

from copytaster.errors import CopytasterError, Transient
from copytaster.news import ArticleId
from search.elastic_client import RETRY_SECONDS, Cluster, blocked, described, refused
from search.elastic_indices import month_of
from search.elastic_mapping import document_of, spellings_of
from search.mapping import IndexDocument

REQUEST_BYTES = 5_000_000
LONGEST_ID = 512  # bytes; Elasticsearch refuses the whole request for one that is longer
_LARGEST_VERSION = 2**63 - 1
_GONE_SECONDS = 0.1  # a deleted document's version is remembered for 0.2 s, the step of the server's clock
_GONE_TRIES = 20
_SHOWN = ("items.*.status", "items.*.error.type", "items.*.error.reason", "items.*.error.caused_by")

Fate = Literal["indexed", "deleted", "newer", "failed", "absent", "gone", "later"]


class Ready(NamedTuple):
    """A document as it is sent, the month that it belongs to, and the spellings that it has, each with its keys."""

    id: ArticleId
    version: int
    month: str
    body: bytes
    spellings: Mapping[str, str] = MappingProxyType({})


class Told(NamedTuple):
    """What became of one operation. ``absent``: there was no such document to be deleted. ``gone``: its index is no more.
    ``later``: ``error`` says why.
    """

    fate: Fate
    reason: str = ""
    error: CopytasterError | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    index: str
    id: str
    lines: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.lines))


def ready(document: IndexDocument) -> Ready | str:
    """Ready to be sent, or why it never can be. Lone surrogates in a text become "?", which parts words as they do."""
    try:
        if not can_be(document.id):
            return f"An id is text of 1 to {LONGEST_ID} bytes."
        if not 0 <= document.version <= _LARGEST_VERSION:
            return f"The version {document.version} is not between 0 and {_LARGEST_VERSION}."
        body = json.dumps(document_of(document), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return Ready(document.id, document.version, month_of(document.first_seen_at), body, spellings_of(document))
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"


def can_be(article_id: str) -> bool:
    """Whether Elasticsearch could hold something by this id."""
    try:
        return 0 < len(article_id.encode()) <= LONGEST_ID
    except UnicodeEncodeError:  # a lone surrogate
        return False


def to_index(document: Ready, index: str) -> Operation:
    """With our own version: what is there with the same or a higher one stays."""
    meta = {"_index": index, "_id": document.id, "version": document.version, "version_type": "external"}
    return Operation(index, document.id, (_line({"index": meta}), document.body))


def to_delete(article_id: str, index: str) -> Operation:
    return Operation(index, article_id, (_line({"delete": {"_index": index, "_id": article_id}}),))


def to_create(document_id: str, index: str, body: Mapping[str, Any]) -> Operation:
    """One that never changes: where it is there, it stays."""
    meta = {"create": {"_index": index, "_id": document_id}}
    return Operation(index, document_id, (_line(meta), _line(body)))


def send_new(cluster: Cluster, operations: Sequence[Operation]) -> list[Told]:
    """Those of ``to_create``, one answer for each; ``newer``: it was there."""
    return [told for some in chunks(operations) for told in _request(cluster, some)]


def send(cluster: Cluster, operations: Sequence[Operation]) -> list[Told]:
    """All of them, one answer for each in the same order. Raises only where a whole request failed for all."""
    answers = [told for some in chunks(operations) for told in _request(cluster, some)]
    return _recheck(cluster, operations, answers)


def chunks(operations: Iterable[Operation], most: int = REQUEST_BYTES) -> Iterator[list[Operation]]:
    """As many as fit into one request; a larger one goes alone."""
    chunk: list[Operation] = []
    size = 0
    for operation in operations:
        if chunk and size + operation.size > most:
            yield chunk
            chunk, size = [], 0
        chunk.append(operation)
        size += operation.size
    if chunk:
        yield chunk


def _line(meta: Mapping[str, Any]) -> bytes:
    return json.dumps(meta, ensure_ascii=False).encode()


def _request(cluster: Cluster, operations: list[Operation]) -> list[Told]:
    """A request that is refused as a whole, being malformed or too large, is halved until the one is found."""
    with cluster.client() as client:
        try:
            lines: list[Any] = [line for operation in operations for line in operation.lines]
            answer = client.bulk(operations=lines, filter_path=_SHOWN)  # bytes go out as they are
        except ApiError as error:
            if error.meta.status not in {400, 413}:
                raise
            if len(operations) == 1:
                return [Told("failed", ": ".join(described(error.body)))]
        else:
            return [_told(action, told, cluster.where) for item in answer["items"] for action, told in item.items()]
    half = len(operations) // 2
    return [*_request(cluster, operations[:half]), *_request(cluster, operations[half:])]


def _told(action: str, item: Mapping[str, Any], where: str) -> Told:
    status = item["status"]
    if status < 300:
        return Told("deleted" if action == "delete" else "indexed")
    if status == 409:
        return Told("newer")
    kind, reason = described(item) if "error" in item else ("", "")
    if status == 404:
        return Told("gone" if kind else "absent", reason)
    if kind == "cluster_block_exception":
        return Told("later", reason, blocked(reason, where))
    if status in {401, 403, 429} or status >= 500:
        return Told("later", reason, refused(status, item, where))
    return Told("failed", f"{kind}: {reason}")


def _recheck(cluster: Cluster, operations: Sequence[Operation], answers: list[Told]) -> list[Told]:
    """Make sure that what is called newer is there. A version is remembered for a moment after its document was deleted,
    and an article that comes back in that moment would be taken for indexed and be lost.
    """
    for _ in range(_GONE_TRIES):
        doubted = [number for number, told in enumerate(answers) if told.fate == "newer"]
        gone = _absent(cluster, [operations[number] for number in doubted]) if doubted else set()
        again = [number for number in doubted if (operations[number].index, operations[number].id) in gone]
        if not again:
            return answers
        time.sleep(_GONE_SECONDS)
        resent = [told for some in chunks(operations[number] for number in again) for told in _request(cluster, some)]
        for number, told in zip(again, resent, strict=True):
            answers[number] = told
    raise Transient(f"Elasticsearch at {cluster.where} still remembers articles that were deleted.", retry_after=RETRY_SECONDS)


def _absent(cluster: Cluster, operations: Sequence[Operation]) -> set[tuple[str, str]]:
    """Which of them have no document, read past the refresh."""
    asked = [{"_index": operation.index, "_id": operation.id} for operation in operations]
    with cluster.client() as client:
        answer = client.mget(docs=asked, source=False, filter_path=["docs._index", "docs._id", "docs.found"])
    return {(found["_index"], found["_id"]) for found in answer["docs"] if found.get("found") is False}
