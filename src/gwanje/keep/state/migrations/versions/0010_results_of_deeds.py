"""What came of a deed, as a code with its values beside the sentence."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deeds") as deeds:
        deeds.add_column(sa.Column("result_reason", sa.JSON()))
