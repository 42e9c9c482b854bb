"""What the Evaluator reads of the examples: TFMA's own extractors, for tables whose columns may have any name.

TFMA gives a signature the raw column that is called like its input, and only where there is none the serialized
examples: a column called `examples` would be asked instead of the rows.
"""

from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import predictions_extractor, transformed_features_extractor
from tensorflow_model_analysis.extractors.extractor import Extractor

from components.artifacts.model import EXAMPLES_INPUT

_ASKING = (
    transformed_features_extractor._TRANSFORMED_FEATURES_EXTRACTOR_STAGE_NAME,
    predictions_extractor.PREDICTIONS_EXTRACTOR_STAGE_NAME,
)
"""The extractors that call signatures."""
_PUT_ASIDE = "column_named_as_an_input"

Extracts = dict[str, Any]


def extractors(**config: Any) -> list[Extractor]:
    """TFMA's default extractors; those that call a signature don't see a column that is called like its input.

    Args:
      **config: what TFX's Evaluator gives: `eval_shared_model`, `eval_config` and `tensor_adapter_config`.
    """
    return [
        Extractor(each.stage_name, _Unmistaken(each.ptransform)) if each.stage_name in _ASKING else each
        for each in tfma.default_extractors(**config)
    ]


class _Unmistaken(beam.PTransform):
    """Puts the column aside, extracts, and puts it back: labels and slices are looked up by its name."""

    def __init__(self, inner: beam.PTransform) -> None:
        super().__init__()
        self._inner = inner

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        return extracts | "PutAside" >> beam.Map(put_aside) | self._inner | "PutBack" >> beam.Map(put_back)


def put_aside(extracts: Extracts) -> Extracts:
    """The extracts of a batch, without the column; it is kept under another key."""
    features = dict(extracts[tfma.FEATURES_KEY])
    if EXAMPLES_INPUT not in features:
        return extracts
    column = features.pop(EXAMPLES_INPUT)
    return extracts | {tfma.FEATURES_KEY: features, _PUT_ASIDE: column}


def put_back(extracts: Extracts) -> Extracts:
    """The extracts of a batch, with the column where it was."""
    if _PUT_ASIDE not in extracts:
        return extracts
    column = extracts[_PUT_ASIDE]
    rest = {key: value for key, value in extracts.items() if key != _PUT_ASIDE}
    return rest | {tfma.FEATURES_KEY: {**rest[tfma.FEATURES_KEY], EXAMPLES_INPUT: column}}
