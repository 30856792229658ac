"""Who of several already has a message that is under way, what each process says that it changed, and what order needs."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "accepted",
        sa.Column("outbox_id", number, nullable=False),
        sa.Column("addressee", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name="fk_accepted_outbox_id"),
        sa.PrimaryKeyConstraint("outbox_id", "addressee", name="pk_accepted"),
    )
    op.create_table(
        "changes",
        sa.Column("process", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("process", "topic", name="pk_changes"),
    )
    op.create_index("ix_changes_at", "changes", ["at"])
    op.create_index("ix_outbox_episodes_episode_outbox_id", "outbox_episodes", ["episode", "outbox_id"])
    op.drop_index("ix_outbox_episodes_episode", "outbox_episodes")
    op.create_index("ix_outbox_receiver_group_key_state_id", "outbox", ["receiver", "group_key", "state", "id"])
