"""Why a component of a past run ran."""

import json
from pathlib import Path

from support.stored_runs import StoredRuns

from pipeline.operate.why_cached import why_cached

RUN = "20260101T000000Z"


def test_only_what_depends_on_the_first_component_was_asked_for(tmp_path: Path) -> None:
    runs = StoredRuns(tmp_path)
    folder = tmp_path / "runs" / runs.run(RUN)
    [examples] = runs.node(RUN, "ExampleGen", outputs={"examples": "Examples"})
    [model] = runs.node(RUN, "Trainer", [examples], {"model": "Model"})
    runs.node(RUN, "StatisticsGen", [examples], {"statistics": "ExampleStatistics"})
    runs.node(RUN, "DataGate", [examples], {"verdict": "Verdict"})
    runs.node(RUN, "Transform", [examples], {"graph": "TransformGraph"})
    runs.node(RUN, "Evaluator", [model], {"blessing": "ModelBlessing"})

    def asked_for(first: str) -> list[str]:
        (folder / "environment.json").write_text(json.dumps({"selection": {"first": first}}))
        names = ("ExampleGen", "Trainer", "StatisticsGen", "DataGate", "Transform", "Evaluator")
        return [each for each in names if f"--from {first}" in why_cached(folder, each).line()]

    assert asked_for("Trainer") == ["Trainer", "Evaluator"]
    # Transform reads nothing of the gate, and waits for it.
    assert asked_for("DataGate") == ["DataGate", "Transform"]
