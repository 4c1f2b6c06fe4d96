"""Which takedown a tombstone belongs to, so that it is lifted as a whole."""

import sqlalchemy as sa
from alembic import op

from copytaster.store.types import Words

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("tombstones", sa.Column("takedown", Words(), nullable=True))
    where = sa.text("takedown IS NOT NULL")
    op.create_index("ix_tombstones_takedown", "tombstones", ["takedown"], sqlite_where=where, postgresql_where=where)
