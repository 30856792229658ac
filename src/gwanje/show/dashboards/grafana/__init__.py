"""Dashboards in Grafana's form, and what makes a Grafana use them: pure translation, the same text for the same dashboard."""
