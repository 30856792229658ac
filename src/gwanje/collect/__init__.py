"""Collect: the world and the web come in, as samples, events and records."""
