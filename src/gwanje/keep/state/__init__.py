"""Everything small that must be right: alerts, outbox, runs, users. SQLAlchemy Core; one transaction is one truth."""
