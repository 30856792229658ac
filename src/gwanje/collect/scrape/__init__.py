"""Scrape: pages of metrics that others serve, fetched on time and sent on as remote write bodies."""
