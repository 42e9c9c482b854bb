"""The section, the table of anomaly kinds behind it, and the columns that the gate looks at."""

import subprocess
import sys

import pydantic
import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.data_gate.columns import Columns
from components.data_gate.config import DataGateConfig
from components.data_gate.kinds import DEFAULTS, hint
from preprocessing.config import FeaturesConfig


def test_every_kind_of_tfdv_has_a_severity_and_a_hint() -> None:
    kinds = {value.name for value in anomalies_pb2.AnomalyInfo.Type.DESCRIPTOR.values}
    assert set(DEFAULTS) == kinds - {"MULTIPLE_REASONS"}  # stands for several, each of which comes with its reason
    assert all(hint(kind) for kind in kinds)
    assert DEFAULTS["SCHEMA_NEW_COLUMN"] == "warn"
    assert DEFAULTS["SCHEMA_MISSING_COLUMN"] == "block"


def test_unknown_kinds_are_refused_with_the_nearest() -> None:
    with pytest.raises(pydantic.ValidationError, match="did you mean SCHEMA_NEW_COLUMN"):
        DataGateConfig.model_validate_json('{"anomalies": {"SCHEMA_NEW_COLUM": "block"}}')
    with pytest.raises(pydantic.ValidationError):
        DataGateConfig.model_validate_json('{"anomalies": {"SCHEMA_NEW_COLUMN": "stop"}}')


def test_it_travels_as_json() -> None:
    text = '{"anomalies": {"SCHEMA_NEW_COLUMN": "off"}, "drift": {"features": {"price": {"limit": 0.3}}}}'
    config = DataGateConfig.model_validate_json(text)
    assert DataGateConfig.from_json(config.to_json()) == config
    assert config.severity_of("SCHEMA_NEW_COLUMN") == "off"
    assert config.severity_of("A_KIND_OF_TOMORROW") == "block"


def test_the_columns_of_a_features_section() -> None:
    features = FeaturesConfig.model_validate_json(
        """{"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["a", "b"]}, {"columns": ["c"]}],
        "categorical": [{"columns": ["d"]}], "datetime": [{"columns": ["t"]}], "weight": "w",
        "preprocessing_fn": "own.code.fn", "preprocessing_columns": ["e"]}"""
    )
    columns = Columns.of(features)
    assert columns.inputs == {"a": "number", "b": "number", "c": "number", "d": "category", "t": "datetime", "e": "own"}
    assert [name for name in "abcdetyw" if columns.comparable(name)] == ["a", "b", "c", "d", "e"]
    scaled = features.model_copy(update={"crosses": ()})
    assert Columns.of(scaled).to_json() == columns.to_json()


def test_configuration_and_report_need_no_tensorflow() -> None:
    code = (
        "import sys, components, components.data_gate.config, components.data_gate.report; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} "
        "& {'tensorflow', 'tfx', 'apache_beam', 'pyarrow', 'numpy', 'tensorflow_metadata'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
