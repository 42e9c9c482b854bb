"""`lockgate show`: one run from its folder, and what became of its model. Nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from components.artifacts.reports import PAGE_FILE
from pipeline.operate.lineage import push_line, pushes_of
from pipeline.report.run_facts import moment, next_step, operations_of, run_line
from pipeline.results.listing import read_json, without_end
from pipeline.results.runs import CONFIG_FILE, RESULT_FILE

_WITHOUT_END = {"running": "it has not ended yet", "killed": "its process was killed"}


def run_view(folder: Path) -> dict[str, Any]:
    """A run as plain data.

    Args:
      folder: of the run, `<root>/runs/<id>`.

    Raises:
      UserError: a file of it is damaged.
      OSError, tensorflow.errors.OpError: the serving folder can't be read.
    """
    result = read_json(folder / RESULT_FILE)
    if not result:
        state = without_end(folder)
        result = {"state": state, "error": _WITHOUT_END[state]}
    config = yaml.safe_load((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    pushes = pushes_of(folder)
    names = {"folder": "", "log": "log.txt", "report": PAGE_FILE, "configuration": CONFIG_FILE}
    return {
        "id": folder.name,
        "pipeline": config.get("name", ""),
        "began": moment(folder.name),
        "state": result["state"],
        "line": run_line(result),
        "next_step": f"lockgate resume {folder}" if result["state"] == "killed" else next_step(result, folder),
        "error": result.get("error") or "",
        "gates": result.get("gates", []),
        "metrics": result.get("metrics", {}),
        "intervals": result.get("intervals", {}),
        "champion": result.get("champion", {}),
        "states": result.get("states", {}),
        "seconds": result.get("seconds", {}),
        "pushed": result.get("pushed"),
        "versions": [
            {"path": each.path, "pushed": each.manifest.pushed.model_dump(mode="json")}
            for each in pushes
            if each.manifest is not None
        ],
        "operations": list(operations_of(folder)),
        "paths": {name: str(folder / file) for name, file in names.items() if (folder / file).exists()}
        | {
            f"version {each.name}": f"{each.path} ({push_line(each.manifest.pushed)})"
            for each in pushes
            if each.manifest
        },
    }
