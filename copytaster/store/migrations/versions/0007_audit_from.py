"""Since when an audit can tell what was owed: earlier releases did not note of an article that it was backfilled, nor of a
channel since when it was on. Their articles would be delivered as missed.
"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

from copytaster.store.types import Instant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    articles, marks = sa.table("articles"), sa.table("marks", sa.column("name"), sa.column("at", Instant()))
    conn = op.get_bind()
    if conn.execute(sa.select(sa.literal(1)).select_from(articles).limit(1)).scalar():
        conn.execute(sa.insert(marks).values(name="audit.from", at=dt.datetime.now(dt.UTC)))
