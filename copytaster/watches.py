"""The nouns of watching, frozen: Owner, Channel, Watch, Hit, Match, Delivery, Message, and their ids.

It owns what they are; it must not know how a query is matched, a delivery planned or a message sent.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NewType, get_args

from copytaster.news import ArticleId, StoryId

OwnerId = NewType("OwnerId", str)
ChannelId = NewType("ChannelId", str)
WatchId = NewType("WatchId", str)
DeliveryId = NewType("DeliveryId", int)
MessageId = NewType("MessageId", str)

Level = Literal["exact", "strict", "wide"]
LEVELS: tuple[Level, ...] = get_args(Level)  # each takes what the one before does, and more
DEFAULT_LEVEL: Level = "strict"
Digest = Literal["instant", "hourly", "daily"]
HitField = Literal["title", "text", "source", "author"]
HitKind = Literal["exact", "folded", "variant"]
OPEN_AFTER = 5  # failures of a channel in a row: then its circuit is open, and one message at a time asks how it is
DeliveryState = Literal["pending", "sending", "sent", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    id: OwnerId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where an owner is told: ``mailto:``, ``https:`` (webhook) or any Apprise URL."""

    id: ChannelId
    owner_id: OwnerId
    url: str
    secret: str  # whsec_… for webhooks; also signs unsubscribe tokens
    state: Literal["active", "disabled"] = "active"
    reason: str | None = None  # why it was disabled


# As strict as can be: what does not read as exactly that may hide a key in any part, and nothing of it is shown.
_MAILBOX = re.compile(r"([^\s/:@%?#,;])[^\s/:@%?#,;]*@([^\s/:@%?#,;]+)")
_WEBHOOK = re.compile(r"//(?:[^/?#@\\\s]*@)?((?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)(/?)([^@]*)")


def without_secrets(url: str, *, mailbox: bool = True) -> str:
    """A channel as anybody may see it; the one place that decides it, for lists, pages, notices and logs.

    Of a mailbox its address, or its domain only (``mailbox=False``); of a webhook scheme and host, for the rest is a key. Of
    all that Apprise sends to the scheme alone: what stands where a host would is a token in many (``tgram://TOKEN/chat``).
    """
    scheme, colon, rest = url.strip().partition(":")
    if not colon:
        return url
    if scheme.lower() == "mailto" and (found := _MAILBOX.fullmatch(rest.partition("?")[0])):
        return f"{scheme}:{found[0]}" if mailbox else f"{found[1]}…@{found[2]}"
    if scheme.lower() in ("http", "https") and (found := _WEBHOOK.fullmatch(rest)):
        bare = rest in (f"//{found[1]}", f"//{found[1]}/")
        return f"{scheme}://{found[1]}" if bare else f"{scheme}://{found[1]}/…"
    return f"{scheme}:…" if scheme.lower() == "mailto" else f"{scheme}://…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours in which delivery is held, in the owner's own zone; ``start`` may be after ``end`` (over midnight)."""

    start: dt.time
    end: dt.time
    zone: str  # IANA name


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What somebody wants to be told about."""

    id: WatchId
    owner_id: OwnerId
    name: str
    query: str
    level: Level | None = None  # unset stays unset in the store; the product's default applies when read
    aliases: Sequence[str] = ()
    vetoes: Sequence[str] = ()
    digest: Digest = "instant"
    quiet: Quiet | None = None
    zone: str = "UTC"
    muted_until: dt.datetime | None = None
    channel_ids: Sequence[ChannelId] = ()
    created_at: dt.datetime
    epoch: int = 0  # the watch epoch that its last change made


@dataclass(frozen=True, slots=True)
class Hit:
    """One place in an article that satisfied a term of a watch.

    ``start`` and ``end`` are code points into ``field``, end exclusive; ``printed`` is ``field[start:end]``.
    """

    field: HitField
    start: int
    end: int
    printed: str
    term: str
    kind: HitKind = "exact"
    score: float = 1.0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One revision of one article satisfied one watch."""

    watch_id: WatchId
    article_id: ArticleId
    revision: int
    story_id: StoryId
    hits: Sequence[Hit]
    matched_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One story owed to one channel for one watch: unique by the three, whatever happens."""

    id: DeliveryId
    watch_id: WatchId
    story_id: StoryId
    channel_id: ChannelId
    article_id: ArticleId
    revision: int
    state: DeliveryState
    kind: Literal["instant", "digest", "late", "audit"]
    due_at: dt.datetime
    created_at: dt.datetime
    message_id: MessageId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The envelope to one channel; its id is the ``webhook-id`` and the Message-ID, its payload is frozen.

    ``payload`` is JSON made before the first attempt, so that a repeat is the same to the byte.
    """

    id: MessageId
    channel: Channel
    payload: Mapping[str, Any] = field(default_factory=dict)
    created_at: dt.datetime
    attempts: int = 0
