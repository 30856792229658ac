"""Why an alert changed, as a code with its values beside the sentence; what was written before has the sentence alone."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("transitions") as transitions:
        transitions.add_column(sa.Column("reason", sa.JSON()))
