"""Samples as JSON, for those who have nothing better."""
