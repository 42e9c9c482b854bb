"""All facts of one run, from its folder, the metadata store and the artifacts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from components.artifacts.golden import CONTRACT, GoldenContract
from components.smoke_test import report as smoke_report
from components.smoke_test.page import FAMILIES
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.report.card import card_facts
from pipeline.report.data_facts import data_facts
from pipeline.report.evaluation_facts import evaluation_facts
from pipeline.report.facts import FamilyFact, ReportFacts, ReproduceFacts, RunFacts, SmokeTestFacts
from pipeline.report.quality import Fact
from pipeline.report.run_facts import data_changes, reproduce_facts, run_facts
from pipeline.report.training_facts import training_facts
from pipeline.results.runs import CONFIG_FILE
from pipeline.results.store import StoredNode, stored_run
from preprocessing.errors import UserError

Section = TypeVar("Section", bound=Fact)


def collect_facts(folder: Path) -> ReportFacts:
    """The facts of a run, finished or not.

    Args:
      folder: of the run, `<root>/runs/<id>`.

    Raises:
      UserError: it is not the folder of a run, or a file of it is damaged.
    """
    config = _config(folder)
    nodes = stored_run(folder.parent.parent, folder.name)
    facts = sections(nodes, config, run_facts(folder, nodes, config), reproduce_facts(folder, nodes))
    changed = (*facts.run.changed, *data_changes(facts, folder))
    return facts.model_copy(update={"run": facts.run.model_copy(update={"changed": changed})})


def sections(
    nodes: Mapping[str, StoredNode], config: PipelineConfig, run: RunFacts, reproduce: ReproduceFacts
) -> ReportFacts:
    """All facts of a run whose artifacts are on this machine.

    Args:
      nodes: of the run, with their artifacts.
      config: of the run.
      run: how it went.
      reproduce: what makes it again.
    """
    absent: dict[str, str] = {}

    def there(name: str, found: Section | str) -> Section | None:
        if isinstance(found, str):
            absent[name] = found
            return None
        return found

    data = there("data", data_facts(nodes, config.features, config.data_gate, _contract(nodes)))
    training = there("training", training_facts(nodes, config))
    evaluation = there("evaluation", evaluation_facts(nodes, config))
    return ReportFacts(
        run=run,
        data=data,
        training=training,
        evaluation=evaluation,
        card=card_facts(run, {} if data is None else data.rows, training, evaluation, config.card),
        smoke_test=there("smoke_test", _smoke_test_facts(nodes)),
        reproduce=reproduce,
        absent=absent,
    )


def _config(folder: Path) -> PipelineConfig:
    file = folder / CONFIG_FILE
    if not file.is_file():
        raise UserError(
            f"{folder}: expected the folder of a run, and it has no {CONFIG_FILE}",
            hint="give a run's folder, <root>/runs/<run id>; lockgate runs lists them",
        )
    try:
        # Through JSON, as lists of YAML are not the tuples that a strict model wants.
        return PipelineConfig.model_validate_json(json.dumps(yaml.safe_load(file.read_text(encoding="utf-8"))))
    except (yaml.YAMLError, ValidationError) as error:
        raise UserError(
            f"{file}: not a configuration of this version of Lockgate: {str(error).splitlines()[0]}",
            hint="read the run with the version that made it; environment.json beside the file names it",
        ) from error


def _contract(nodes: Mapping[str, StoredNode]) -> GoldenContract | None:
    """What the trained model promises; None without one."""
    model = nodes["Trainer"].output("model") if "Trainer" in nodes else None
    if model is None or not (model / CONTRACT).is_file():
        return None
    return GoldenContract.model_validate_json((model / CONTRACT).read_text(encoding="utf-8"))


def _smoke_test_facts(nodes: Mapping[str, StoredNode]) -> SmokeTestFacts | str:
    node = nodes.get("SmokeTest")
    folder = node.output("report") if node is not None else None
    if folder is None:
        return "SmokeTest did not end" if node is not None else "SmokeTest did not run"
    try:
        report = smoke_report.read(str(folder))
    except ValidationError:
        return "its report was written by another version of Lockgate"
    families = {
        name: tuple(each for each in report.checks if each.check in members) for name, members in FAMILIES.items()
    }
    return SmokeTestFacts(
        blessed=report.blessed,
        reason=report.reason(),
        families=tuple(FamilyFact(name=name, checks=checks) for name, checks in families.items() if checks),
        seconds=report.seconds,
    )
