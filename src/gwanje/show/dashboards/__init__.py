"""Dashboards: what stands in `dashboards/*.yaml`, those that every folder has, and their form for Grafana."""
