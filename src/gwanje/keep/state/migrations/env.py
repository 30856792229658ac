# ruff: noqa: INP001 - Alembic runs the file, nobody imports it
"""How Alembic runs our migrations: on the connection that `State.migrate` hands over, in its transaction."""

from alembic import context

from gwanje.keep.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
