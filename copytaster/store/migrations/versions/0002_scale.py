"""Many sources, watches and processes, and what retention looks for: columns for fair turns, and indexes."""

import sqlalchemy as sa
from alembic import op

from copytaster.store.types import Instant

revision = "0002"
down_revision = "0001"

REPLACED = {
    "articles": ("ix_articles_index_due_at",),
    "links": ("ix_links_host_due_at", "ix_links_source_id"),
    "messages": ("ix_messages_channel_id",),
    "pages": ("ix_pages_due_at",),
}
INDEXES = (  # table, columns, which rows, name where the columns do not say it
    ("articles", ("index_due_at",), "index_due_at IS NOT NULL", None),
    ("deliveries", ("state", "id"), None, None),
    ("deliveries", ("channel_id", "due_at"), "state = 'pending'", "owed"),
    ("deliveries", ("sent_at",), "sent_at IS NOT NULL", None),
    ("endpoints", ("due_at",), "due_at IS NOT NULL", None),
    ("endpoints", ("source_id", "failures"), "failures > 0", "failing"),
    ("endpoints", ("source_id",), "read_at IS NULL", "unread"),
    ("endpoints", ("websub_until",), "hub IS NOT NULL", "hub"),
    ("hosts", ("rest_at",), "rest_at IS NOT NULL", None),
    ("hosts", ("lease_token",), "lease_token IS NOT NULL", None),
    ("links", ("host", "priority", "due_at"), "due_at IS NOT NULL", None),
    ("links", ("source_id", "due_at"), None, None),
    ("links", ("due_at",), "due_at IS NOT NULL", None),
    ("links", ("found_at",), None, None),
    ("messages", ("channel_id", "sent_at"), None, None),
    ("messages", ("turn", "due_at"), "due_at IS NOT NULL", "turn"),
    ("messages", ("channel_id", "turn"), "due_at IS NOT NULL", "waiting"),
    ("messages", ("channel_id", "due_at"), "lease_token IS NOT NULL", "under_way"),
    ("messages", ("created_at",), None, None),
    ("pages", ("priority", "turn", "due_at"), None, None),
    ("pages", ("source_id", "priority", "turn"), None, None),
    ("refusals", ("stage", "reason"), None, None),
    ("sources", ("name", "id"), None, None),
    ("sources", ("url",), None, None),
    ("sources", ("host",), None, None),
    ("sources", ("state",), None, None),
    ("sources", ("check_at",), "check_at IS NOT NULL", None),
    ("sources", ("silent_at",), "silent_at IS NOT NULL", None),
    ("stories", ("started_at",), None, None),
    ("watches", ("name",), None, None),
    ("watches", ("created_at", "id"), "removed_at IS NULL", None),
)


def upgrade() -> None:
    op.create_table(
        "marks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )
    op.add_column("hosts", sa.Column("rest_at", Instant(), nullable=True))
    op.add_column("sources", sa.Column("check_at", Instant(), nullable=True))
    op.add_column("pages", sa.Column("source_id", sa.Text(), nullable=True))
    op.add_column("pages", sa.Column("turn", sa.Integer(), server_default="0", nullable=False))
    op.add_column("messages", sa.Column("turn", sa.Integer(), server_default="0", nullable=False))
    op.execute("UPDATE sources SET check_at = added_at WHERE state = 'active' AND silent_at IS NULL")
    for table, names in REPLACED.items():
        for old in names:
            op.drop_index(old, table)
    for table, columns, where, short in INDEXES:
        condition = sa.text(where) if where else None
        name = f"ix_{table}_{short or '_'.join(columns)}"
        op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
