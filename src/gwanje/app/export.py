"""`gwanje export grafana`: a folder's dashboards as files that a Grafana reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gwanje.app import folder as folders
from gwanje.config import MAIN_FILE
from gwanje.errors import GwanjeError
from gwanje.show.dashboards import files
from gwanje.show.dashboards.grafana import provisioning
from gwanje.show.dashboards.grafana.terms import Language


def run(path: Path, out: Path, *, language: Language, mounted: str) -> int:
    """Write the ready dashboards and the folder's own below `out`, and the provisioning; Grafana sees the former in `mounted`."""
    if not (path / MAIN_FILE).is_file():
        raise GwanjeError(f"there is no {MAIN_FILE} in {path}; make one with: gwanje init {path}")
    folder = folders.read(path)
    dashboards = files.together(folder.dashboards)
    for name, value in provisioning.exported(dashboards, folder.url, folder.main.agent.interval, mounted, language).items():
        file = out / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_text(file, value), encoding="utf-8")
        except OSError as error:
            raise GwanjeError(f"cannot write {file}: {error.strerror}; give another folder or mend its rights") from error
        print(f"wrote {file}")
    print(f"next: mount {out / 'dashboards'} as {mounted} and {out / 'provisioning'} as /etc/grafana/provisioning,")
    print(f"      and give Grafana the variable GWANJE_KEY: gwanje key create {path} --name grafana --scope read")
    return 0


def _text(file: Path, value: dict[str, Any]) -> str:
    if file.suffix == ".json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
