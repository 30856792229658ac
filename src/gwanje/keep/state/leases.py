"""What one process at a time does: a lease that its holder renews, and that another takes when it ran out.

`take` is asked now and then; `keep` in each transaction that only the holder may commit. The row that `keep` changed stays
locked until that transaction ends, so that whoever takes the lease over sees what the one before it committed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, update
from sqlalchemy.exc import IntegrityError

from gwanje.keep.state.tables import leases


def take(connection: Connection, name: str, holder: str, now: datetime, until: datetime) -> bool:
    """Take a lease that nobody holds, or renew one's own; False while another holds it."""
    mine_or_over = or_(leases.c.holder == holder, leases.c.until <= now)
    changed = update(leases).where(leases.c.name == name, mine_or_over).values(holder=holder, until=until)
    if connection.execute(changed).rowcount:
        return True
    try:
        with connection.begin_nested():
            connection.execute(insert(leases).values(name=name, holder=holder, until=until))
    except IntegrityError:  # another holds it, or was faster
        return False
    return True


def keep(connection: Connection, name: str, holder: str, until: datetime) -> bool:
    """Renew one's own lease, also one that ran out as long as nobody took it; False when another did."""
    mine = update(leases).where(leases.c.name == name, leases.c.holder == holder).values(until=until)
    return connection.execute(mine).rowcount == 1


def give_back(connection: Connection, name: str, holder: str) -> None:
    """End one's own lease, so that nobody has to wait until it runs out."""
    connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
