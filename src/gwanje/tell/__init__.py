"""Tell: who is told what, and when; delivery keeps every attempt."""
