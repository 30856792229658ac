"""Variables: what is chosen above a dashboard, its data source first."""

from __future__ import annotations

from typing import Any, Final

from gwanje.show.dashboards.grafana.terms import DATASOURCE, SOURCE, UID, Language, said
from gwanje.show.dashboards.spec import Variable

_ALL: Final = "$__all"


def source() -> dict[str, Any]:
    """The variable that stands for the data source; a provisioned dashboard finds it by UID."""
    return {
        "name": SOURCE,
        "label": "",
        "type": "datasource",
        "query": "prometheus",
        "current": {"selected": False, "text": "gwanje", "value": UID},
        "hide": 2,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
    }


def variable(variable: Variable, language: Language) -> dict[str, Any]:
    """A variable of ours: of listed options, or of the values of a label."""
    common = {
        "name": variable.name,
        "label": said(variable.title, language) or variable.name,
        "hide": 0,
        "includeAll": variable.all,
        "multi": variable.multiple,
        "allValue": ".*" if variable.all else None,
        "current": _chosen(variable),
        "skipUrlSync": False,
    }
    if variable.options:
        return {
            **common,
            "type": "custom",
            "query": ",".join(_escaped(one) for one in variable.options),
            "options": _options(variable),
        }
    definition = f"label_values({variable.selector}, {variable.label})"
    return {
        **common,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": definition,
        "query": {"qryType": 1, "query": definition, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 1,
    }


def _escaped(option: str) -> str:
    """A comma parts the options of Grafana, and ` : ` a name from its value."""
    return option.replace("\\", "\\\\").replace(",", "\\,")


def _options(variable: Variable) -> list[dict[str, Any]]:
    first = _first(variable)
    every = [("All", _ALL)] if variable.all else []
    listed = (*every, *((one, one) for one in variable.options))
    return [{"selected": value == first, "text": text, "value": value} for text, value in listed]


def _chosen(variable: Variable) -> dict[str, Any]:
    """What is chosen first; nothing where Grafana is to take the first value that it finds."""
    first = _first(variable)
    if not first:
        return {}
    text = "All" if first == _ALL else first
    return {"selected": True, "text": [text] if variable.multiple else text, "value": [first] if variable.multiple else first}


def _first(variable: Variable) -> str:
    if variable.default:
        return variable.default
    return _ALL if variable.all else next(iter(variable.options), "")
