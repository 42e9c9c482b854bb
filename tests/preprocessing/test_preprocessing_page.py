"""The preprocessing function on the page about preprocessing, run as it is there."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from preprocessing.config import FeaturesConfig
from preprocessing.input_pipeline import TransformedData
from preprocessing.missing import MissingWords
from preprocessing.transform import FEATURES_KEY, MISSING_KEY, preprocessing_fn

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/preprocessing.md"


@pytest.mark.parametrize("dtype", [tf.float32, tf.int64])
def test_the_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: tf.DType) -> None:
    [code] = re.findall(r"^## Your own preprocessing$.*?^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    module = f"page_preprocessing_{dtype.name}"
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    section = {
        "label": {"column": "y", "task": "regression"},
        "preprocessing_fn": f"{module}.make",
        "preprocessing_columns": ["amount"],
    }
    features = FeaturesConfig.model_validate_json(json.dumps(section))
    custom_config = {FEATURES_KEY: features.to_json(), MISSING_KEY: MissingWords().to_json()}
    spec = {"amount": tf.io.VarLenFeature(dtype), "y": tf.io.VarLenFeature(tf.float32)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    rows: list[dict[str, Any]] = [{"amount": amount, "y": [1.0]} for amount in ([4], [], [1], [2])]
    with (
        beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline,
        tft_beam.Context(temp_dir=str(tmp_path / "temporary")),
    ):
        data = pipeline | beam.Create(rows, reshuffle=False)
        analysis = tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, custom_config))
        (data, metadata) | analysis | tft_beam.WriteTransformFn(str(tmp_path / "graph"))
        metadata | tft_beam.WriteMetadata(str(tmp_path / "graph" / "metadata"), pipeline)
    output = tft.TFTransformOutput(str(tmp_path / "graph"))
    [own] = TransformedData.read(output, features).inputs
    assert (own.name, own.kind, own.size) == ("amount_share", "dense", 1)
    layer = output.transform_features_layer()

    def share(amounts: Sequence[int | None]) -> list[float]:
        present = [row for row, amount in enumerate(amounts) if amount is not None]
        indices = np.asarray([[row, 0] for row in present], np.int64).reshape(-1, 2)
        values = tf.cast(tf.constant([amounts[row] for row in present]), dtype)
        tensor = layer({"amount": tf.SparseTensor(indices, values, [len(amounts), 1 if present else 0])})
        assert tensor["amount_share"].dtype == tf.float32
        return tensor["amount_share"].numpy().tolist()

    assert share([4, None, 1, 8]) == [1, 0, 0.25, 2]
    assert share([None, None]) == [0, 0]
