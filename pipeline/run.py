"""`lockgate run`: check, look at the table, run the graph, and say how it ended."""

import time
from pathlib import Path

from pipeline.console import Screen
from pipeline.loader import LoadedConfig
from pipeline.problems import ConfigError
from pipeline.runs import RunRecord, RunResult, only_run
from pipeline.staging import StagedData, stage
from pipeline.table_check import check_table
from pipeline.validate import problems


def run_pipeline(
    loaded: LoadedConfig,
    screen: Screen,
    *,
    first: str | None = None,
    last: str | None = None,
    use_cache: bool = True,
) -> RunResult:
    """Runs one pipeline on this machine, alone in its root.

    Args:
      loaded: the configuration.
      screen: where it is shown.
      first, last, use_cache: see `pipeline.runners.local.Selection`.

    Returns:
      How it ended; also stored in the run's folder.

    Raises:
      UserError: the configuration, the table or the surroundings are not fit for a run.
      OSError: the root can't be written.
      Exception: a component failed.
    """
    found = problems(loaded)
    if found:
        raise ConfigError(found)
    root = loaded.root()
    with only_run(root) as took_over:
        record = RunRecord(root, loaded)
        with screen.captured(record.log):
            if took_over:
                screen.say(f" ! {took_over}", "yellow")
            data = _look_at_table(loaded, root, screen)
            result = _run_graph(loaded, data, record, screen, first=first, last=last, use_cache=use_cache)
        record.finish(result)
    return result


def _look_at_table(loaded: LoadedConfig, root: Path, screen: Screen) -> StagedData:
    screen.step("table", "running", 0)
    began = time.monotonic()
    facts = check_table(loaded.config, loaded.base)
    data = stage(loaded.config, facts, root)
    screen.step("table", "done", time.monotonic() - began)
    for reason in data.reasons:
        screen.say(f"   converted to Parquet first: {reason}", "dim")
    for warning in (*facts.warnings, *data.warnings):
        screen.say(f" ! {warning}", "yellow")
    return data


def _run_graph(
    loaded: LoadedConfig,
    data: StagedData,
    record: RunRecord,
    screen: Screen,
    *,
    first: str | None,
    last: str | None,
    use_cache: bool,
) -> RunResult:
    screen.step("import TFX", "running", 0)
    began = time.monotonic()
    # Here and not at the top: seconds of TensorFlow, Beam and TFX that `validate` and `--help` must not pay.
    from components.example_gen.config import SPLITS
    from pipeline.graph import Places, build_pipeline
    from pipeline.runners import local
    from pipeline.split_check import check_splits
    from pipeline.verdicts import collect

    config, root = loaded.config, loaded.root()
    places = Places(
        root=root,
        data=data,
        schema=loaded.resolve(config.data.schema_file) if config.data.schema_file else None,
        serving=root / config.push.directory,
    )
    graph = build_pipeline(config, places)
    screen.step("import TFX", "done", time.monotonic() - began)

    def listen(node: local.NodeResult) -> None:
        screen.step(node.name, node.state, node.seconds)
        if node.name == "StatisticsGen" and node.outputs:
            check_splits(Path(node.outputs["statistics"][0].uri), SPLITS, config.features.label)

    # The push is cheap, and pushing the same model twice changes nothing; but a cached push would claim a version
    # that somebody has deleted meanwhile.
    results = local.run(graph, record.run_id, local.Selection(first, last, use_cache), listen, uncached=["Pusher"])
    return collect(results, record.folder)
