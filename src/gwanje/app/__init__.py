"""Wiring, one file a process: which kinds and doors run together, started and stopped in order."""
