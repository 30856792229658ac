"""The files that make a Grafana use this gwanje: its data source, and a folder of its dashboards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gwanje.config import format_duration
from gwanje.show.dashboards.files import Named
from gwanje.show.dashboards.grafana.terms import UID, Language
from gwanje.show.dashboards.grafana.translate import dashboard


def exported(
    dashboards: Sequence[Named], url: str, interval: timedelta, folder: str, language: Language
) -> Mapping[str, dict[str, Any]]:
    """Every file that makes a Grafana show the dashboards, by its path: JSON for dashboards, YAML for provisioning."""
    return {
        **{f"dashboards/{named.name}.json": dashboard(named, language) for named in dashboards},
        "provisioning/datasources/gwanje.yaml": data_sources(url, interval),
        "provisioning/dashboards/gwanje.yaml": providers(folder),
    }


def data_sources(url: str, interval: timedelta) -> dict[str, Any]:
    """Grafana's provisioning file of data sources: this gwanje, its key from the variable GWANJE_KEY of Grafana's process."""
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "gwanje",
                "uid": UID,
                "type": "prometheus",
                "access": "proxy",
                "url": url,
                "isDefault": True,
                "editable": False,
                "jsonData": {
                    "httpMethod": "POST",
                    "timeInterval": format_duration(interval),
                    "prometheusType": "Prometheus",
                    "httpHeaderName1": "Authorization",
                },
                "secureJsonData": {"httpHeaderValue1": "Bearer $GWANJE_KEY"},
            }
        ],
    }


def providers(folder: str) -> dict[str, Any]:
    """Grafana's provisioning file of dashboards: those that lie in `folder` as Grafana sees it."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "gwanje",
                "folder": "gwanje",
                "type": "file",
                "disableDeletion": False,
                "allowUiUpdates": True,
                "options": {"path": folder},
            }
        ],
    }
