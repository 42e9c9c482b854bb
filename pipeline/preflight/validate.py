"""What a valid configuration can still get wrong: places, dotted paths, the table's columns and their kinds.

Answers at once: nothing here imports TensorFlow or, metrics aside, the user's code, and of a table only headers and the
first rows are read. What only the whole table can tell is found when a run reads it.
"""

import os
import shutil
from functools import partial
from pathlib import Path

from components.evaluator.own_metric import tried
from components.example_gen.changes import why_unseen
from components.example_gen.columns.use import NUMBERS, RESERVED, schema_types, why_reserved
from pipeline.code.importable import why_not_importable
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem, brief, shown
from pipeline.preflight.beam_check import beam_problems
from pipeline.preflight.boosting_check import half_followed, other_scikit_learn
from pipeline.preflight.collector import Collector
from pipeline.preflight.column_roles import roles
from pipeline.preflight.distribution_check import other_keras, without_workers
from pipeline.preflight.metadata_check import metadata_problems
from pipeline.preflight.numbers_check import few_values, without_effect
from pipeline.preflight.table_beginning import FIRST_ROWS, MAX_FILES, TableChecks
from pipeline.preflight.table_files import TableReader, is_remote, table_files, table_format
from pipeline.preflight.table_rules import nameless
from pipeline.preflight.tuning_check import left_behind, without_meaning
from preprocessing.errors import FieldPath, UserError
from preprocessing.features import planned_inputs

SIGNING: FieldPath = ("push", "signing")
_GLOB = frozenset("*?[]\\")
"""What has a meaning in a file pattern. TFX and Beam look for the files below the root by pattern, without quoting."""


def problems(loaded: LoadedConfig, *, engine: bool = True) -> list[Problem]:
    """Everything that is wrong with a loaded configuration, in the order of the checks; empty when it may run.

    Args:
      loaded: the configuration.
      engine: whether what only runs on this machine need has to be there: Beam's engine, and the way to a database.
    """
    checks = _Checks(loaded)
    checks.places()
    checks.names()
    checks.dotted_paths()
    checks.tuning()
    checks.schema()
    checks.serving_sample()
    checks.signing()
    checks.watched()
    if engine:
        checks.found += [*beam_problems(loaded), *metadata_problems(loaded)]
    table = TableChecks(loaded)
    table.table()
    return [*checks.found, *table.found]


def notes(loaded: LoadedConfig) -> list[str]:
    """What a user should know of a configuration without a problem: what of it, and of its table, a run leaves out."""
    data = loaded.config.data
    found = [*without_meaning(loaded), *half_followed(loaded), *without_effect(loaded)]
    if is_remote(data):
        return found
    files = [file for split in table_files(data, loaded.base).values() for file in split]
    reader = TableReader(table_format(files, data), data.model_copy(update={"block_mb": 1}))
    if any(group.embed is not None for group in loaded.config.features.numeric):
        found += few_values(loaded, reader.sample(files[0], FIRST_ROWS))
    return [*found, *nameless((Path(shown(file)), reader.columns(file)) for file in files[:MAX_FILES])]


class _Checks(Collector):
    """What can be said without the table."""

    def names(self) -> None:
        """Columns whose transformed names would collide, and the one that TFX has a use for."""
        for field, name in self.named_columns():
            if name == RESERVED:
                self.report(field, why_reserved(), received=brief(name), hint="rename the column in the table")
        try:
            planned_inputs(self._config.features)
        except UserError as error:
            self.mistake(("features",), error)

    def places(self) -> None:
        """Folders and files that the configuration names, the table aside."""
        config = self._config
        if "://" in config.root:
            self.report(("root",), "must be a folder on this machine", received=brief(config.root))
        elif _GLOB.intersection(root := str(self._loaded.root())):
            self.report(
                ("root",),
                f"leads to a path with one of the characters {' '.join(sorted(_GLOB))}, which TFX takes for a pattern",
                received=brief(root),
                hint="rename that folder, or set root to a folder elsewhere (an absolute path)",
            )
        directory = config.push.directory
        if config.push.remote and not directory.startswith("gs://"):
            message = "TensorFlow can't write to such a URL; give a folder, or gs://BUCKET/FOLDER"
            self.report(("push", "directory"), message, received=brief(directory))
        elif Path(os.path.normpath(directory)).parts[:1] == ("..",):
            message = "leaves the root; give an absolute path to push elsewhere"
            self.report(("push", "directory"), message, received=brief(directory))
        if config.data.prepare is not None and not self._loaded.resolve(config.data.prepare).is_file():
            self.report(("data", "prepare"), "no such file", received=brief(config.data.prepare))

    def dotted_paths(self) -> None:
        """Functions of the user's own."""
        metrics: dict[FieldPath, str] = {
            ("evaluate", "metrics", at): path for at, path in enumerate(self._config.evaluate.metrics)
        }
        paths: list[tuple[FieldPath, str | None]] = [
            *self._config.family_fields(),
            (("features", "preprocessing_fn"), self._config.features.preprocessing_fn),
            *metrics.items(),
        ]
        for field, path in paths:
            reason = why_not_importable(path) if path is not None and "." in path else None
            if reason is None and field in metrics:
                # It needs no table and no TensorFlow, so it can be tried here instead of after the training.
                self.tried(field, partial(tried, metrics[field], self._config.features.label.task))
            if reason is not None:
                hint = "" if reason.installed else "install your package (pip install -e .) or set PYTHONPATH"
                self.report(field, reason.message, received=brief(path), nearest=reason.nearest, hint=hint)

    def tuning(self) -> None:
        """Whether the best values of a search could extend the file, and trees, or several workers, can train here."""
        self.found += [*left_behind(self._loaded), *other_scikit_learn(self._loaded)]
        self.found += [*other_keras(self._loaded), *without_workers(self._loaded)]

    def serving_sample(self) -> None:
        """The rows that the data gate compares the training data with."""
        sample = self._config.data_gate.serving.sample
        if sample is not None and "://" not in sample and not self._loaded.resolve(sample).exists():
            self.report(("data_gate", "serving", "sample"), "no such file or folder", received=brief(sample))

    def signing(self) -> None:
        """The programs that sign and verify pushed versions."""
        signing = self._config.push.signing
        commands = {} if signing is None else {"sign": signing.sign, "verify": signing.verify}
        for name, command in commands.items():
            if shutil.which(command[0]) is None:
                self.report(
                    (*SIGNING, name),
                    "no such program on this machine",
                    received=brief(command[0]),
                    hint="install it, give its path, or remove push.signing",
                )

    def watched(self) -> None:
        """Whether a table that is to be watched tells that it has changed."""
        if "watch" in self._config.model_fields_set and (why := why_unseen(self._config.data)):
            hint = "remove watch, and have a timer start lockgate run; or export the rows to files"
            self.report(("watch",), why, hint=hint)

    def schema(self) -> None:
        """The curated schema: it names every column that the configuration does, in a fitting type."""
        field: FieldPath = ("data", "schema")
        if self._config.data.schema_file is None:
            return
        path = self._loaded.resolve(self._config.data.schema_file)
        if not path.is_file():
            self.report(field, "no such file", received=brief(self._config.data.schema_file))
            return
        declared = self.tried(field, lambda: schema_types(Path(shown(path))))
        if declared is None:
            return
        if RESERVED in declared:
            hint = "take it out of the schema, or rename the column in the table"
            self.report(field, f"declares {RESERVED!r}: {why_reserved()}", received=brief(shown(path)), hint=hint)
        message = f"the schema {shown(path)} has no such column"
        self.known_columns(declared, message, hint="correct the name, or declare the column in the schema")
        for column, role in roles(self._config).items():
            if role in NUMBERS and declared.get(column) == "string":
                message = f"must be a number, but the schema {shown(path)} declares the column as BYTES"
                hint = "say `type: FLOAT` for it in the schema file, if all of it are numbers"
                self.report(self.stating(column), message, received=brief(column), hint=hint)
