"""`lockgate smoke-test`: the gate on its own, for a SavedModel of any project. TensorFlow is imported when it runs."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.report import Report
from pipeline.commands.example_file import example_files, first_examples
from pipeline.commands.model_folder import ModelFolder, find_model
from pipeline.commands.shared import EXIT_REFUSED, explains_failures, noise_kept_back, say, terminable
from pipeline.config.explain import explain
from pipeline.config.loader import load
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.problems import ConfigError, brief, shown
from pipeline.config.yaml_tree import Node, read_yaml
from pipeline.files.whole_file import write_whole
from preprocessing.errors import UserError
from preprocessing.settings import Settings
from preprocessing.text import listed

if TYPE_CHECKING:
    from components.example_gen.block import FeatureType
    from components.smoke_test.export.contract import Contract

_SECTION = "smoke_test"
_SEEN_ROWS = 100
"""So many examples are searched for the model's features."""
_MOST_ROWS = 100_000
"""So many rows of a table are made into examples: that takes some seconds, and a few hundred MiB."""


class _File(Settings):
    """A file with one section of pipeline.yaml."""

    smoke_test: SmokeTestConfig


@dataclass(frozen=True)
class Tested:
    """What came of it.

    Attributes:
      model: the SavedModel that was tested.
      report: what was found.
      notes: what the user should know besides.
    """

    model: Path
    report: Report
    notes: tuple[str, ...]


def run_smoke_test(
    folder: Path, *, examples: Path | None, schema: Path | None, config: Path | SmokeTestConfig | None
) -> Tested:
    """Tests one SavedModel, from any project.

    Args:
      folder: the SavedModel, a TFX Model artifact, or a server's folder of versions.
      examples: a file of raw examples, TFRecord or a table, or a folder of TFRecord files; None makes rows up.
      schema: a TFX schema (text protobuf) of the raw examples, or None.
      config: a YAML file with a `smoke_test` section, or with what stands in one, or the settings themselves; None
        takes the defaults.

    Raises:
      UserError: one of these is not there or can't be read.
      OSError: the temporary folder can't be used.
    """
    model = find_model(folder)
    settings = read_config(config) if isinstance(config, Path) else config or SmokeTestConfig(golden="optional")
    files = example_files(examples) if examples is not None else None
    parsed = read_schema(schema) if schema is not None else None
    # Here and not at the top: seconds of TensorFlow that `--help` and a mistake must not pay.
    from components.smoke_test.gate import Subject, smoke_test

    notes = [model.note] if model.note else []
    with tempfile.TemporaryDirectory(prefix="lockgate-examples-") as temporary:
        given: list[str] | None = None
        if files is not None:
            contract = _contract(model, parsed, settings)
            is_table = files[1] != "tfrecord"
            most = _MOST_ROWS if is_table else _SEEN_ROWS
            records = first_examples(*files, _column_types(contract, parsed), most)
            notes += _missing_columns(records, contract, shown(files[0][0]))
            if is_table:
                given = [_written(records, Path(temporary) / "examples.tfrecord")]
            else:
                given = [str(each) for each in files[0]]
            if is_table and len(records) == _MOST_ROWS:
                notes.append(f"{shown(files[0][0])}: the first {_MOST_ROWS:,} rows are asked; of TFRecord files, any")
        else:
            source = "the signatures" if parsed is None else "the schema"
            notes.append(f"no examples were given: the rows are made up from {source}")
        artifact = model.artifact or (model.export if settings.golden == "required" else None)
        subject = Subject(
            saved_model=model.export,
            example_files=given,
            schema=parsed,
            model_uri=None if artifact is None else str(artifact),
        )
        report = smoke_test(subject, settings)
    return Tested(model.export, report, tuple(notes))


def read_config(path: Path) -> SmokeTestConfig:
    """The settings in a file; a model without the trainer's predictions passes unless `golden` says otherwise.

    Args:
      path: a pipeline.yaml, a file with a `smoke_test` section alone, or one with what stands in that section.

    Raises:
      ConfigError: with every mistake in it, by file and line.
    """
    tree = read_yaml(path.absolute())
    if not isinstance(tree.value, dict):
        message = "must be a mapping, of smoke_test or of its fields"
        raise ConfigError([tree.origin.problem((), message, received=brief(tree.plain()))])
    others = (set(PipelineConfig.model_fields) | {"extends"}) - set(SmokeTestConfig.model_fields) - {_SECTION}
    config = load(path).config.smoke_test if others & set(tree.value) else _section(tree)
    return config if "golden" in config.model_fields_set else config.model_copy(update={"golden": "optional"})


def _section(tree: Node) -> SmokeTestConfig:
    bare = tree.child(_SECTION) is None
    whole = Node({_SECTION: tree}, tree.origin) if bare else tree
    try:
        return _File.from_json(json.dumps(whole.plain())).smoke_test
    except ValidationError as error:
        problems = explain(error, whole)
        if bare:
            problems = [replace(each, path=each.path[1:]) for each in problems]
        raise ConfigError(problems) from None


def read_schema(path: Path) -> Any:
    """A schema_pb2.Schema from its text.

    Raises:
      UserError: it is not there or can't be read as one.
    """
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    name = f"--schema: {shown(path)}"
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except FileNotFoundError as error:
        raise UserError(f"{name}: no such file", hint="give a TFX schema, such as schema.pbtxt") from error
    except IsADirectoryError as error:
        raise UserError(f"{name}: is a folder", hint="give the schema.pbtxt in it") from error
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise UserError(
            f"{name} can't be read as a TFX schema (text protobuf): {error}", hint="correct the file"
        ) from error


def _contract(model: ModelFolder, schema: Any | None, config: SmokeTestConfig) -> Contract | None:
    """What is known of the model before it runs; None where the gate will say what is wrong with its files."""
    from components.smoke_test.export import golden as golden_files
    from components.smoke_test.export.derive import derive_contract
    from components.smoke_test.export.saved_model import ExportError, read_export

    try:
        export = read_export(model.export)
        golden = golden_files.load(str(model.artifact)) if model.artifact is not None else None
    except (ExportError, golden_files.GoldenError):
        return None
    return derive_contract(export, golden.contract if golden else None, schema, config.expect)


def _column_types(contract: Contract | None, schema: Any | None) -> dict[str, FeatureType]:
    """The types that columns of a table must have: the schema's, else what the model's signatures take."""
    types = _inputs(contract) if contract is not None else {}
    if schema is not None:
        from tensorflow_metadata.proto.v0 import schema_pb2

        names: dict[int, FeatureType] = {
            schema_pb2.INT: "int64",
            schema_pb2.FLOAT: "double",
            schema_pb2.BYTES: "string",
        }
        types |= {each.name: names[each.type] for each in schema.feature if each.type in names}
    return types


def _inputs(contract: Contract) -> dict[str, FeatureType]:
    """The columns that the model reads; a tf.Example holds numbers of other sizes as int64 or float."""
    kinds: dict[str, FeatureType] = {"string": "string", "float32": "double", "int64": "int64"}
    types: dict[str, FeatureType] = {}
    for signature in contract.predicting():
        if signature.kind == "features":
            for argument, spec in signature.inputs.items():
                if argument not in signature.features:
                    types[argument] = "double" if "float" in spec.dtype or spec.dtype == "double" else "int64"
    return types | {name: kinds[feature.dtype] for name, feature in contract.features.items()}


def _missing_columns(records: list[bytes], contract: Contract | None, name: str) -> list[str]:
    """Says which of the model's features the examples lack.

    Raises:
      UserError: there is no example, or none has any of the model's features.
    """
    from google.protobuf.message import DecodeError

    from components.smoke_test.bench.requests import decode

    if not records:
        raise UserError(f"--examples: {name}: no row in it", hint="give a file with rows, or leave --examples out")
    wanted = _inputs(contract) if contract is not None else {}
    try:
        found = {column for record in records[:_SEEN_ROWS] for column in decode(record)}
    except DecodeError as error:
        raise UserError(
            f"--examples: {name}: expected serialized tf.Examples, received something else", hint="write tf.Examples"
        ) from error
    lacking = sorted(set(wanted) - found)
    if wanted and len(lacking) == len(wanted):
        raise UserError(
            f"--examples: {name}: none of its columns ({listed(sorted(found)) or 'none has a value'}) is a feature of "
            f"the model",
            hint=f"name the columns as the model's signatures do: {listed(lacking)}",
        )
    return [f"{name}: no value for {listed(lacking)}; the model is asked without"] if lacking else []


def _written(records: list[bytes], path: Path) -> str:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def check_writable(*files: Path | None) -> None:
    """Looks at where results will go before the work is done for them.

    Raises:
      UserError: a folder is not there, or a folder stands where the file would.
    """
    for file in files:
        if file is not None and file.is_dir():
            raise UserError(f"{shown(file)}: expected a file to write, received a folder", hint="name a file in it")
        if file is not None and not file.absolute().parent.is_dir():
            raise UserError(f"{shown(file)}: its folder does not exist", hint="make the folder, or name another file")


@click.command("smoke-test")
@click.argument("model_dir", type=click.Path(path_type=Path))
@click.option(
    "--examples", type=click.Path(path_type=Path), help="Raw rows: TFRecord, CSV, Parquet, JSON Lines or Arrow."
)
@click.option("--schema", type=click.Path(path_type=Path), help="Their TFX schema, as text (schema.pbtxt).")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="A YAML file with a smoke_test section, or with the fields of one.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Writes the report to this file.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Writes the report as an HTML page to this file."
)
@explains_failures
def smoke_test_command(
    model_dir: Path,
    examples: Path | None,
    schema: Path | None,
    config: Path | None,
    json_file: Path | None,
    html_file: Path | None,
) -> None:
    """Tests the SavedModel in MODEL_DIR, of any project, as a server would meet it.

    MODEL_DIR may also be a TFX Model artifact, or a server's folder of versions. Without examples the rows are made
    up from the schema, or from the signatures. Ends with `passed: ...` (exit code 0), or `refused: ...` (exit code 3).

    \b
    Example:
      lockgate smoke-test data/penguins/output/serving --examples data/penguins/penguins.csv --json report.json
    """
    with terminable(), noise_kept_back():
        check_writable(json_file, html_file)
        tested = run_smoke_test(model_dir, examples=examples, schema=schema, config=config)
    from components.smoke_test.page import render
    from pipeline.screen.checks_table import rendered

    if json_file is not None:
        write_whole(json_file, tested.report.model_dump_json(indent=2))
    if html_file is not None:
        write_whole(html_file, render(tested.report, title=str(tested.model)))
    say(rendered(tested.report, tested.notes, sys.stdout).rstrip("\n"))
    if not tested.report.blessed:
        sys.exit(EXIT_REFUSED)
