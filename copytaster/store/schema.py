"""Every table of the truth, declared once for both dialects. It owns columns, keys and indexes, never a query."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy import text as clause

from copytaster.store.types import Instant, Json, Serial, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def key(name: str = "id") -> Column[str]:
    return Column(name, Text, primary_key=True)


def text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Words, nullable=null)


def count(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=str(default))


def flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def instant(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Instant, nullable=null)


def index(name: str, *columns: str, where: str | None = None) -> Index:
    """An index, of some rows only where ``where`` says which: what is due is few among what is kept."""
    condition = clause(where) if where else None
    return Index(f"ix_{name}", *columns, sqlite_where=condition, postgresql_where=condition)


# -- who is told ------------------------------------------------------------------------------------------------------

owners = Table("owners", metadata, key(), text("name"), instant("created_at"))

channels = Table(
    "channels",
    metadata,
    key(),
    Column("owner_id", Text, ForeignKey("owners.id"), nullable=False),
    text("url"),
    text("secret"),
    text("state"),
    text("reason", null=True),
    instant("created_at"),
    count("failures"),  # in a row, whatever the message; from OPEN_AFTER on its circuit is open
    instant("failing_since", null=True),
    instant("paused_until", null=True),  # nothing is sent there before
    flag("proven"),  # took the last one, and quickly: one that did not may hold a part of the senders only
    text("old_secret", null=True),
    instant("old_secret_until", null=True),
    instant("active_since", null=True),  # when it was switched on again; none: it was never off
    UniqueConstraint("owner_id", "url"),
)

watches = Table(
    "watches",
    metadata,
    key(),
    Column("owner_id", Text, ForeignKey("owners.id"), nullable=False),
    text("name"),
    text("query"),
    text("level", null=True),
    Column("aliases", Json, nullable=False),
    Column("vetoes", Json, nullable=False),
    text("digest"),
    text("quiet_start", null=True),
    text("quiet_end", null=True),
    text("zone"),
    instant("muted_until", null=True),
    instant("created_at"),
    instant("removed_at", null=True),
    Column("epoch", BigInteger, nullable=False),
    index("watches_epoch", "epoch"),
    index("watches_name", "name"),
    index("watches_created_at_id", "created_at", "id", where="removed_at IS NULL"),
)

watch_channels = Table(
    "watch_channels",
    metadata,
    Column("watch_id", Text, ForeignKey("watches.id"), primary_key=True),
    Column("channel_id", Text, ForeignKey("channels.id"), primary_key=True),
    instant("added_at"),
    instant("unsubscribed_at", null=True),
)

# One row: who saves a watch holds it exclusively, who ingests holds it shared, so that each article is matched with
# all watches saved before it was read.
watch_epoch = Table("watch_epoch", metadata, Column("id", Integer, primary_key=True), Column("epoch", BigInteger))

# -- where news comes from --------------------------------------------------------------------------------------------

sources = Table(
    "sources",
    metadata,
    key(),
    text("url"),
    text("name"),
    text("host"),
    text("state"),
    Column("every_seconds", Float),
    Column("alert_since_seconds", Float),
    text("proxy", null=True),
    Column("headers", Json, nullable=False),
    Column("cookies", Json, nullable=False),
    text("user_agent", null=True),
    instant("added_at"),
    instant("baseline_at", null=True),
    instant("found_at", null=True),  # when its newest link was found
    instant("silent_at", null=True),  # when its silence was reported
    text("silent_reason", null=True),
    instant("check_at", null=True),  # when to look next whether it fell silent
    text("trouble", null=True),  # what kind of trouble was reported
    text("trouble_stage", null=True),  # discover: ends with the next find; read: its pages are refused
    Column("evidence", Json),
    instant("began_at", null=True),  # a trouble that is over, until that is told: since when it was reported, …
    instant("ended_at", null=True),  # … and when it ended
    Column("rhythm", LargeBinary),  # finds by hour of the week
    index("sources_name_id", "name", "id"),
    index("sources_url", "url"),
    index("sources_host", "host"),
    index("sources_state", "state"),
    index("sources_check_at", "check_at", where="check_at IS NOT NULL"),
    index("sources_silent_at", "silent_at", where="silent_at IS NOT NULL"),
    index("sources_ended_at", "ended_at", where="ended_at IS NOT NULL"),
)

endpoints = Table(
    "endpoints",
    metadata,
    key(),
    Column("source_id", Text, ForeignKey("sources.id"), nullable=False),
    text("url"),
    text("host"),
    text("kind"),
    text("etag", null=True),
    text("last_modified", null=True),
    Column("interval_seconds", Float, nullable=False),
    instant("due_at", null=True),
    instant("added_at"),
    instant("read_at", null=True),
    instant("changed_at", null=True),
    count("readings"),
    count("failures"),
    text("last_error", null=True),
    count("overflows"),
    Column("last_ids", Json, nullable=False),  # link ids of the reading before, for overflow
    Column("gaps", Json, nullable=False),  # seconds between the newest publications, for the rhythm
    text("hub", null=True),
    text("topic", null=True),
    text("websub_secret", null=True),
    instant("websub_until", null=True),
    text("trouble", null=True),  # what the last reading was wrong with
    instant("well_until", null=True),  # its last reading before the trouble
    Column("evidence", Json),
    index("endpoints_host_due_at", "host", "due_at"),
    index("endpoints_source_id", "source_id"),
    index("endpoints_due_at", "due_at", where="due_at IS NOT NULL"),
    index("endpoints_failing", "source_id", "failures", where="failures > 0"),
    index("endpoints_unread", "source_id", where="read_at IS NULL"),
    index("endpoints_hub", "websub_until", where="hub IS NOT NULL"),
)

# A host is leased to one crawler at a time; when it may be asked next lives with the lease, so that it moves with it.
hosts = Table(
    "hosts",
    metadata,
    key("host"),
    instant("due_at", null=True),  # its earliest endpoint or new article
    instant("rest_at", null=True),  # its earliest re-read or backfill
    text("lease_token", null=True),
    instant("leased_until", null=True),
    instant("next_allowed_at", null=True),
    Column("delay_seconds", Float),
    Column("robots", LargeBinary),
    Column("robots_status", Integer),
    instant("robots_at", null=True),
    index("hosts_due_at", "due_at"),
    index("hosts_rest_at", "rest_at", where="rest_at IS NOT NULL"),
    index("hosts_lease_token", "lease_token", where="lease_token IS NOT NULL"),
)

links = Table(
    "links",
    metadata,
    key(),
    text("url"),
    text("host"),
    Column("source_id", Text, ForeignKey("sources.id"), nullable=False),
    text("endpoint_id", null=True),
    text("title", null=True),
    text("summary", null=True),
    instant("published_at", null=True),
    Column("published_offset", Integer),
    text("published_precision", null=True),
    instant("updated_at", null=True),
    instant("found_at"),
    text("state"),  # found, fetched, read, refused
    instant("due_at", null=True),  # when to fetch (again); none: nothing to do
    count("priority"),  # lower first: 0 new, 1 re-read, 2 backfill
    count("attempts"),
    count("reads"),
    flag("baseline"),
    flag("late"),
    text("article_id", null=True),
    index("links_host_priority_due_at", "host", "priority", "due_at", where="due_at IS NOT NULL"),
    index("links_source_id_due_at", "source_id", "due_at"),
    index("links_due_at", "due_at", where="due_at IS NOT NULL"),
    index("links_found_at", "found_at"),
)

pages = Table(
    "pages",
    metadata,
    Column("link_id", Text, ForeignKey("links.id"), primary_key=True),
    text("url"),
    Column("status", Integer, nullable=False),
    text("content_type"),
    Column("body", LargeBinary, nullable=False),  # zlib
    instant("fetched_at"),
    count("priority"),
    instant("due_at"),
    text("lease_token", null=True),
    count("attempts"),
    text("source_id", null=True),
    count("turn"),  # its place in line among its source's own: each source in turn
    index("pages_priority_turn_due_at", "priority", "turn", "due_at"),
    index("pages_source_id_priority_turn", "source_id", "priority", "turn"),
)

# -- what was read ----------------------------------------------------------------------------------------------------

articles = Table(
    "articles",
    metadata,
    key(),
    text("url"),
    text("canonical_url", null=True),
    Column("source_id", Text, ForeignKey("sources.id"), nullable=False),
    text("story_id"),
    text("title"),
    Column("authors", Json, nullable=False),
    instant("published_at", null=True),
    Column("published_offset", Integer),
    text("published_precision", null=True),
    instant("modified_at", null=True),
    Column("modified_offset", Integer),
    text("modified_precision", null=True),
    text("language", null=True),
    text("site_name", null=True),
    Column("topics", Json, nullable=False),
    text("image", null=True),
    text("extractor"),
    count("revision", 1),
    Column("text_month", Integer, nullable=False),  # which partition holds the newest text
    instant("found_at"),
    instant("first_seen_at"),
    instant("read_at"),
    flag("baseline"),
    flag("late"),
    Column("watch_epoch", BigInteger, nullable=False),
    count("document_version", 1),
    count("indexed_version"),
    instant("index_due_at", null=True),  # none: the index has the newest version
    text("index_token", null=True),
    count("index_attempts"),
    index("articles_index_due_at", "index_due_at", where="index_due_at IS NOT NULL"),
    index("articles_story_id", "story_id"),
    index("articles_source_id_first_seen_at", "source_id", "first_seen_at"),
    index("articles_first_seen_at", "first_seen_at"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("article_id", Text, ForeignKey("articles.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("text_month", Integer, nullable=False),
    text("title"),
    text("extractor"),
    instant("read_at"),
)

texts = Table(
    "texts",
    metadata,
    Column("month", Integer, primary_key=True, autoincrement=False),  # year * 100 + month
    key("article_id"),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),  # zlib
    postgresql_partition_by="RANGE (month)",
)

stories = Table(
    "stories",
    metadata,
    key(),
    text("first_article_id"),
    instant("started_at"),
    Column("signature", LargeBinary),
    index("stories_started_at", "started_at"),
)

signature_buckets = Table(
    "signature_buckets",
    metadata,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    key("story_id"),
    instant("started_at"),
    index("signature_buckets_started_at", "started_at"),
)

# -- what is owed -----------------------------------------------------------------------------------------------------

matches = Table(
    "matches",
    metadata,
    Column("month", Integer, primary_key=True, autoincrement=False),
    key("watch_id"),
    key("article_id"),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    text("story_id"),
    Column("hits", Json, nullable=False),
    instant("matched_at"),
    Column("watch_epoch", BigInteger, nullable=False),
    index("matches_story_id_watch_id", "story_id", "watch_id"),
    index("matches_article_id", "article_id"),
    postgresql_partition_by="RANGE (month)",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Serial, primary_key=True),
    text("watch_id"),
    text("story_id"),
    text("channel_id"),
    text("article_id"),
    Column("revision", Integer, nullable=False),
    text("state"),  # pending, sending, sent, failed, cancelled
    text("kind"),  # instant, digest, late, audit
    instant("due_at"),
    instant("created_at"),
    text("message_id", null=True),
    instant("sent_at", null=True),
    UniqueConstraint("watch_id", "story_id", "channel_id"),
    index("deliveries_state_due_at", "state", "due_at"),
    index("deliveries_state_id", "state", "id"),
    index("deliveries_message_id", "message_id"),
    index("deliveries_owed", "channel_id", "due_at", where="state = 'pending'"),
    index("deliveries_sent_at", "sent_at", where="sent_at IS NOT NULL"),
)

messages = Table(
    "messages",
    metadata,
    key(),
    text("channel_id"),
    text("kind"),
    text("payload"),  # JSON text, frozen before the first attempt: a repeat is the same to the byte
    text("state"),  # pending, sent, failed
    instant("due_at", null=True),
    text("lease_token", null=True),
    count("attempts"),
    text("last_error", null=True),
    instant("created_at"),
    instant("sent_at", null=True),
    count("turn"),  # its place in line among its channel's own
    index("messages_due_at", "due_at"),
    index("messages_channel_id_sent_at", "channel_id", "sent_at"),
    index("messages_turn", "turn", "due_at", where="due_at IS NOT NULL"),
    index("messages_waiting", "channel_id", "turn", where="due_at IS NOT NULL"),
    index("messages_under_way", "channel_id", "due_at", where="lease_token IS NOT NULL"),
    index("messages_created_at", "created_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Serial, primary_key=True),
    text("message_id"),
    instant("at"),
    text("outcome"),
    text("detail", null=True),
    index("attempts_message_id", "message_id"),
)

# -- keeping watch over itself ----------------------------------------------------------------------------------------

refusals = Table(
    "refusals",
    metadata,
    Column("id", Serial, primary_key=True),
    text("stage"),  # discover, fetch, ingest, deliver, index
    text("key"),
    text("url"),
    text("source_id", null=True),
    text("reason"),
    text("detail"),
    count("attempts"),
    instant("refused_at"),
    UniqueConstraint("stage", "key"),
    index("refusals_refused_at", "refused_at"),
    index("refusals_stage_reason", "stage", "reason"),
    index("refusals_source_id", "source_id", "refused_at", where="source_id IS NOT NULL"),
)

# What an audit found: misses stay for ever, for they are counted; what is not as it should be goes once it is.
audit_findings = Table(
    "audit_findings",
    metadata,
    Column("id", Serial, primary_key=True),
    text("kind"),  # match, delivery, unread, unindexed, unfound, stray
    text("watch_id"),  # empty: it is about the article alone
    text("article_id"),
    Column("revision", Integer, nullable=False),
    text("why"),
    count("told"),  # deliveries that it made
    instant("found_at"),
    UniqueConstraint("kind", "watch_id", "article_id", "revision"),
)

# How far each projection of the store has come.
marks = Table("marks", metadata, key("name"), instant("at", null=True), text("place", null=True))

leases = Table("leases", metadata, key("name"), text("token"), instant("leased_until"))

processes = Table(
    "processes",
    metadata,
    key("name"),
    text("kind"),
    instant("started_at"),
    instant("progress_at"),
)

# Slim keys that outlive what retention takes away, so that nothing forgotten alerts again. ``seen`` holds ids of links and
# of articles: both are the id of an address in its normal form.
seen = Table("seen", metadata, key("link_id"), instant("seen_at"))
tombstones = Table(
    "tombstones",
    metadata,
    key(),
    instant("buried_at"),
    text("takedown", null=True),  # the address or source that was asked for; none: before there were any
    index("tombstones_takedown", "takedown", where="takedown IS NOT NULL"),
)
