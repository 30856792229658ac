"""gwanje (관제, "watch and control"): one program that collects, carries, keeps, judges, tells, acts and shows."""

__version__ = "0.1.0"
