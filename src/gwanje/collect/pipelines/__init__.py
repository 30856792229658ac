"""The declared way of a record: source, steps, quota, run. A thinking room."""
