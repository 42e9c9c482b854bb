"""What a run and its plan do before the graph: look at the table, import TFX, and say where the graph works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.code.heavy_imports import uncollected
from pipeline.preflight.table_check import TableFacts, check_table
from pipeline.runners.beside import Beside

if TYPE_CHECKING:
    from pipeline.config.loader import LoadedConfig
    from pipeline.nodes.data_stage import Places
    from pipeline.screen.console import Screen

_SECONDS_FOR_THE_TABLE = 1.0


def table_seen(loaded: LoadedConfig, screen: Screen) -> TableFacts | None:
    """Looks at the whole table, and imports TFX beside that when it is a large one.

    Args:
      loaded: the configuration.
      screen: where both are shown, and what is worth a warning.

    Returns:
      What was found; None for a table that only the graph can reach.

    Raises:
      UserError: the table can't be used.
    """
    with Beside[TableFacts | None]() as lanes:
        lanes.start("table", lambda: _table(loaded, screen))
        # What is wrong with a small one is said at once.
        lanes.wait("table", _SECONDS_FOR_THE_TABLE)
        with screen.during("import TFX"), uncollected():
            # Here and not at the top: these bring TensorFlow, Beam and TFX, for seconds.
            import pipeline.graph
            import pipeline.results.verdicts
            import pipeline.runners.local  # noqa: F401
        return lanes.result("table")


def _table(loaded: LoadedConfig, screen: Screen) -> TableFacts | None:
    with screen.during("table"):
        facts = check_table(loaded.config, loaded.base)
    for warning in facts.warnings if facts is not None else ():
        screen.say(f" ! {warning}", "yellow")
    return facts


def places(loaded: LoadedConfig, facts: TableFacts | None) -> Places:
    """Where the graph reads and writes.

    Args:
      loaded: the configuration.
      facts: of the table.
    """
    from pipeline.nodes.data_stage import Places

    config, root = loaded.config, loaded.root()
    return Places(
        root=root,
        base=loaded.base,
        schema=loaded.resolve(config.data.schema_file) if config.data.schema_file else None,
        serving=config.push.destination(root),
        types=None if facts is None else facts.types,
        left_out={} if facts is None else facts.left_out,
        leading_zeros=() if facts is None else facts.leading_zeros,
    )
