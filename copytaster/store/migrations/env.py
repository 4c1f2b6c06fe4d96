"""Alembic's entry: runs the steps on the connection that ``migrate`` hands over. It opens none of its own."""

from alembic import context

from copytaster.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite can't alter most things in place
)
with context.begin_transaction():
    context.run_migrations()
