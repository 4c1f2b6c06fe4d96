"""The connection to an Elasticsearch cluster: one client for each process, and its errors as ours.

It owns addresses, credentials and what a failed request means; it must not know indices, documents or queries.
"""

import contextlib
import os
import ssl
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from elastic_transport import ConnectionError as NotConnected
from elastic_transport import ConnectionTimeout, TlsError, TransportError
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from copytaster.errors import CopytasterError, Permanent, Rejected, Transient

PORT = 9200
RETRY_SECONDS = 2.0
FULL_DISK_SECONDS = 30.0
KEY_ADVICE = "mend search.api_key, or make a key by `copytaster check --setup`"
CA_ADVICE = "set search.ca to the PEM file of the authority that signed the cluster's certificate"


class Cluster:
    """Safe in threads and after a fork: each process makes its own client when it first needs one.

    The client itself repeats nothing but what never reached a node, once for each address: every longer wait belongs to
    whoever holds the work, and a write that is repeated finds its own version there.
    """

    def __init__(self, url: str, *, api_key: str = "", ca: str = "", timeout_seconds: float = 10.0) -> None:
        self.nodes = [_node(part, keep_user=not api_key) for part in url.split(",") if part.strip()]
        if not self.nodes:
            raise Rejected("bad_config", "search.url names no address: write https://host:9200.")
        self.where = ", ".join(_shown(node) for node in self.nodes)
        self.timeout_seconds = timeout_seconds
        self._api_key = api_key
        self._ca = ca
        self._made: tuple[int, Elasticsearch] | None = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def client(self) -> Iterator[Elasticsearch]:
        """What the client raises inside leaves as Transient or Permanent."""
        try:
            yield self._own()
        except (ApiError, TransportError) as error:
            raise told(error, self.where) from error

    def close(self) -> None:
        with self._lock:
            made, self._made = self._made, None
        if made is not None and made[0] == os.getpid():
            made[1].close()

    def _own(self) -> Elasticsearch:
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():  # a parent's sockets must not be shared nor closed
                self._made = (os.getpid(), self._opened())
            return self._made[1]

    def _opened(self) -> Elasticsearch:
        options: dict[str, Any] = {"api_key": self._api_key} if self._api_key else {}
        if any(node.startswith("https") for node in self.nodes):
            options |= self._trust()
        return Elasticsearch(
            self.nodes,
            request_timeout=self.timeout_seconds,
            max_retries=len(self.nodes),
            retry_on_status=(),
            retry_on_timeout=False,
            http_compress=False,  # gzip costs 6 times what the rest of a document's way out costs
            **options,
        )

    def _trust(self) -> dict[str, Any]:
        """With an authority of one's own only that is trusted."""
        try:
            context = ssl.create_default_context(cafile=self._ca or None)
        except (OSError, ssl.SSLError) as error:
            raise Permanent(f"search.ca: {self._ca} can't be read as PEM ({error}): name the authority's PEM file.") from error
        return {"ca_certs": self._ca} if self._ca else {"ssl_context": context}


def _node(url: str, *, keep_user: bool) -> str:
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port or PORT
    except ValueError as error:
        raise Rejected("bad_config", f"search.url: {error}. Write https://host:9200.") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise Rejected("bad_config", "search.url must begin with http:// or https:// and name a host: https://host:9200.")
    user = parts.netloc.rpartition("@")[0]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{parts.scheme}://{user + '@' if user and keep_user else ''}{address}{parts.path.rstrip('/')}"


def _shown(node: str) -> str:
    """Without user and password, for messages."""
    scheme, _, rest = node.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def told(error: ApiError | TransportError, where: str) -> CopytasterError:
    """Ours for one of the client's, in a sentence."""
    if isinstance(error, UnsupportedProductError):
        return Permanent(f"What answers at {where} is no Elasticsearch: mend search.url.")
    if isinstance(error, ApiError):
        return refused(error.meta.status, error.body, where, retry_after=error.meta.headers.get("retry-after"))
    if isinstance(error, TlsError):
        return Permanent(f"The certificate of {where} is not trusted ({_cause(error)}): {CA_ADVICE}.")
    if isinstance(error, ConnectionTimeout):
        return Transient(f"Elasticsearch at {where} did not answer in time. It is tried again.", retry_after=RETRY_SECONDS)
    if isinstance(error, NotConnected):
        sentence = f"No Elasticsearch answers at {where} ({_cause(error)}): start it, or mend search.url."
        return Transient(sentence, retry_after=RETRY_SECONDS)
    return Transient(f"Elasticsearch at {where} gave an answer that can't be read ({error}).", retry_after=RETRY_SECONDS)


def refused(status: int, body: Any, where: str, *, retry_after: str | None = None) -> CopytasterError:
    """What a status with its body means, for a request or for one document of a bulk."""
    kind, reason = described(body)
    if kind == "cluster_block_exception":
        return blocked(reason, where)
    if status in {401, 403}:
        return Permanent(f"Elasticsearch at {where} refuses us ({status}: {reason}): {KEY_ADVICE}.")
    if kind == "index_not_found_exception":
        return Permanent(f"There is no search index at {where} ({reason}). Run `copytaster rebuild`.")
    if status == 429 or status >= 500:
        wait = float(retry_after) if retry_after and retry_after.isdecimal() else RETRY_SECONDS
        return Transient(f"Elasticsearch at {where} is overloaded or not ready ({status}: {reason}).", retry_after=wait)
    return Permanent(f"Elasticsearch at {where} can't do what was asked ({status} {kind}: {reason}).")


def blocked(reason: str, where: str) -> Transient:
    """Indices that may only be read: nearly always a disk that is full beyond the flood stage (95 %)."""
    if "flood-stage" in reason or "read-only-allow-delete" in reason:
        sentence = f"The disk of Elasticsearch at {where} is full, so it takes no articles: make room on it ({reason})."
        return Transient(sentence, retry_after=FULL_DISK_SECONDS)
    return Transient(f"Elasticsearch at {where} is blocked: {reason}.", retry_after=FULL_DISK_SECONDS)


def described(body: Any) -> tuple[str, str]:
    """Type and reason of an error, from a whole answer or from one item's ``error``."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return "", str(error)[:300]
    cause = error
    while isinstance(cause.get("caused_by"), dict):
        cause = cause["caused_by"]
    reason = str(error.get("reason", ""))
    deepest = str(cause.get("reason", ""))
    return str(error.get("type", "")), (reason if deepest in reason else f"{reason}: {deepest}")[:300]


def _cause(error: TransportError) -> str:
    """The deepest of the errors that lie in each other: "Connection refused" rather than who said so to whom."""
    inner: BaseException = error
    while isinstance(inner, TransportError) and inner.errors:
        inner = inner.errors[0]
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    return str(inner)[:200]
