"""Notifiers can tell people. A family: each other file is a kind."""
