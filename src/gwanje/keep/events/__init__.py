"""Stores of events: append and search facts with fields at a time. A family: each other file is a kind."""
