"""Why something is done about an alert, as a code with its values beside the sentence."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deeds") as deeds:
        deeds.add_column(sa.Column("reason", sa.JSON()))
