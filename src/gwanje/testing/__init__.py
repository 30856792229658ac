"""Fakes at the edge and contract suites that other people's kinds can run through."""
