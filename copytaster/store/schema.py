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

from copytaster.store.types import Instant, Json, Serial

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
    return Column(name, Text, nullable=null)


def count(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=str(default))


def flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


def instant(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Instant, nullable=null)


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
    Index("ix_watches_epoch", "epoch"),
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
    Index("ix_endpoints_host_due_at", "host", "due_at"),
    Index("ix_endpoints_source_id", "source_id"),
)

# A host is leased to one crawler at a time; when it may be asked next lives with the lease, so that it moves with it.
hosts = Table(
    "hosts",
    metadata,
    key("host"),
    instant("due_at", null=True),  # its earliest work
    text("lease_token", null=True),
    instant("leased_until", null=True),
    instant("next_allowed_at", null=True),
    Column("delay_seconds", Float),
    Column("robots", LargeBinary),
    Column("robots_status", Integer),
    instant("robots_at", null=True),
    Index("ix_hosts_due_at", "due_at"),
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
    Index("ix_links_host_due_at", "host", "due_at"),
    Index("ix_links_source_id", "source_id"),
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
    Index("ix_pages_due_at", "due_at"),
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
    Index("ix_articles_index_due_at", "index_due_at"),
    Index("ix_articles_story_id", "story_id"),
    Index("ix_articles_source_id_first_seen_at", "source_id", "first_seen_at"),
    Index("ix_articles_first_seen_at", "first_seen_at"),
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
)

signature_buckets = Table(
    "signature_buckets",
    metadata,
    Column("bucket", BigInteger, primary_key=True, autoincrement=False),
    key("story_id"),
    instant("started_at"),
    Index("ix_signature_buckets_started_at", "started_at"),
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
    Index("ix_matches_story_id_watch_id", "story_id", "watch_id"),
    Index("ix_matches_article_id", "article_id"),
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
    text("kind"),  # instant, digest, late
    instant("due_at"),
    instant("created_at"),
    text("message_id", null=True),
    instant("sent_at", null=True),
    UniqueConstraint("watch_id", "story_id", "channel_id"),
    Index("ix_deliveries_state_due_at", "state", "due_at"),
    Index("ix_deliveries_message_id", "message_id"),
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
    Index("ix_messages_due_at", "due_at"),
    Index("ix_messages_channel_id", "channel_id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Serial, primary_key=True),
    text("message_id"),
    instant("at"),
    text("outcome"),
    text("detail", null=True),
    Index("ix_attempts_message_id", "message_id"),
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
    Index("ix_refusals_refused_at", "refused_at"),
)

leases = Table("leases", metadata, key("name"), text("token"), instant("leased_until"))

processes = Table(
    "processes",
    metadata,
    key("name"),
    text("kind"),
    instant("started_at"),
    instant("progress_at"),
)

# Slim keys that outlive what retention takes away, so that nothing forgotten alerts again.
seen = Table("seen", metadata, key("link_id"), instant("seen_at"))
tombstones = Table("tombstones", metadata, key(), instant("buried_at"))
