"""What alerts need beyond their states: silences, acknowledgements, thresholds, storms, alerts from outside, leases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("episodes") as episodes:
        episodes.add_column(sa.Column("source", sa.String(40), nullable=False, server_default="rule"))
        episodes.add_column(sa.Column("cause", sa.JSON()))
        episodes.add_column(sa.Column("muted", sa.JSON()))
        episodes.add_column(sa.Column("was_muted", sa.String(200)))
        episodes.add_column(sa.Column("threshold_from", sa.String(300)))
    with op.batch_alter_table("instances") as instances:
        instances.add_column(sa.Column("fired_at", sa.BigInteger()))
        instances.add_column(sa.Column("last_seen", sa.String(200), nullable=False, server_default=""))
    with op.batch_alter_table("groups") as groups:
        groups.add_column(sa.Column("more", sa.JSON()))
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(sa.Column("reference", sa.String(200)))
    op.create_table(
        "silences",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("matchers", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(120), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])
    op.create_table(
        "acknowledgements",
        sa.Column("episode", sa.String(32), nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("episode", name="pk_acknowledgements"),
    )
    op.create_table(
        "flaps",
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("since", sa.BigInteger()),
        sa.Column("told_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_flaps"),
    )
    op.create_table(
        "storms",
        sa.Column("receiver", sa.String(100), nullable=False),
        sa.Column("sent", sa.JSON(), nullable=False),
        sa.Column("held", sa.JSON(), nullable=False),
        sa.Column("since", sa.BigInteger()),
        sa.PrimaryKeyConstraint("receiver", name="pk_storms"),
    )
    op.create_table(
        "thresholds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("warning", sa.String(60)),
        sa.Column("critical", sa.String(60)),
        sa.Column("clear", sa.String(60)),
        sa.Column("changed_by", sa.String(120), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_thresholds"),
        sa.UniqueConstraint("rule", "scope", "name", name="uq_thresholds_rule_scope_name"),
    )
    op.create_table(
        "outside",
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("annotations", sa.JSON(), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("threshold", sa.String(60), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("renewed_at", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_outside"),
    )
    op.create_table(
        "deeds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("target", sa.String(255), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("episode", sa.String(32), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("dry", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deeds"),
    )
    op.create_index("ix_deeds_episode", "deeds", ["episode"])
    op.create_index("ix_deeds_state", "deeds", ["state"])
    op.create_index("ix_deeds_decided_at", "deeds", ["decided_at"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
