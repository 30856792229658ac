"""A dashboard as Grafana's JSON."""

from __future__ import annotations

from typing import Any, Final

from gwanje.config import format_duration
from gwanje.show.dashboards.files import Named
from gwanje.show.dashboards.grafana.panels import panels
from gwanje.show.dashboards.grafana.terms import SOURCE, Language, said
from gwanje.show.dashboards.grafana.variables import source, variable

SCHEMA: Final = 39
"""The version of Grafana's dashboard schema: that of 10.4 and 11; later ones read it."""


def dashboard(named: Named, language: Language = "en") -> dict[str, Any]:
    """The dashboard as Grafana's JSON. It asks for its data source on import, and finds it itself when provisioned."""
    written = named.dashboard
    return {
        "__inputs": [
            {
                "name": SOURCE,
                "label": "gwanje",
                "description": "",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [{"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"}],
        "annotations": {"list": []},
        "description": said(written.description, language),
        "editable": True,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "id": None,
        "links": [],
        "liveNow": False,
        "panels": panels(written, language),
        "refresh": format_duration(written.refresh),
        "schemaVersion": SCHEMA,
        "tags": ["gwanje", *(tag for tag in written.tags if tag != "gwanje")],
        "templating": {"list": [source(), *(variable(one, language) for one in written.variables)]},
        "time": {"from": f"now-{format_duration(written.span)}", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": said(written.title, language),
        "uid": f"gwanje-{named.name}",
        "version": 1,
        "weekStart": "",
    }
