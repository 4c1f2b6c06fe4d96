"""What an audit found, and since when a channel has been told without a break."""

import sqlalchemy as sa
from alembic import op

from copytaster.store.types import Instant, Serial, Words

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "audit_findings",
        sa.Column("id", Serial, nullable=False),
        sa.Column("kind", Words(), nullable=False),
        sa.Column("watch_id", Words(), nullable=False),
        sa.Column("article_id", Words(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("why", Words(), nullable=False),
        sa.Column("told", sa.Integer(), server_default="0", nullable=False),
        sa.Column("found_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_findings")),
        sa.UniqueConstraint(
            "kind", "watch_id", "article_id", "revision", name=op.f("uq_audit_findings_kind_watch_id_article_id_revision")
        ),
    )
    op.add_column("channels", sa.Column("active_since", Instant(), nullable=True))
