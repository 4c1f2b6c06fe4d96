"""What is wrong with sources: kinds of trouble with their evidence, recoveries to be told, rhythms by hour of the week."""

import sqlalchemy as sa
from alembic import op

from copytaster.store.types import Instant, Json

revision = "0005"
down_revision = "0004"

COLUMNS = {
    "sources": (
        ("trouble", sa.Text()),
        ("trouble_stage", sa.Text()),
        ("evidence", Json),
        ("began_at", Instant()),
        ("ended_at", Instant()),
        ("rhythm", sa.LargeBinary()),
    ),
    "endpoints": (("trouble", sa.Text()), ("well_until", Instant()), ("evidence", Json)),
}
INDEXES = (
    ("ix_sources_ended_at", "sources", ["ended_at"], "ended_at IS NOT NULL"),
    ("ix_refusals_source_id", "refusals", ["source_id", "refused_at"], "source_id IS NOT NULL"),
)


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.execute("UPDATE sources SET trouble = 'silent', trouble_stage = 'discover' WHERE silent_at IS NOT NULL")
    op.execute("UPDATE sources SET check_at = silent_at WHERE silent_at IS NOT NULL AND state = 'active'")
    for name, table, names, where in INDEXES:
        op.create_index(name, table, names, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
