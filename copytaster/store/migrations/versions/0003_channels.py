"""How well each channel takes what it is sent, for its circuit breaker, and the old key of one that is being changed."""

import sqlalchemy as sa
from alembic import op

from copytaster.store.types import Instant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("channels", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("channels", sa.Column("failing_since", Instant(), nullable=True))
    op.add_column("channels", sa.Column("paused_until", Instant(), nullable=True))
    op.add_column("channels", sa.Column("proven", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("channels", sa.Column("old_secret", sa.Text(), nullable=True))
    op.add_column("channels", sa.Column("old_secret_until", Instant(), nullable=True))
