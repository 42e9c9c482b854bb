"""The names of TensorFlow Data Validation that the fast path leans on and that are not its API.

Importing it raises NeedsBeamError with another version than that it was written for: the stock executor knows its own.
"""

import tensorflow_data_validation as tfdv

from components.engine import written_for

VERSION = "1.16.1"

written_for("TensorFlow Data Validation", VERSION, tfdv.__version__)

# After the check: another version may have none of these names.
from tensorflow_data_validation.statistics.generators.top_k_uniques_sketch_stats_generator import (  # noqa: E402
    TopKUniquesSketchStatsGenerator,
)
from tensorflow_data_validation.statistics.stats_impl import get_generators  # noqa: E402
from tensorflow_data_validation.types import FeaturePath  # noqa: E402
from tensorflow_data_validation.utils.top_k_uniques_stats_util import (  # noqa: E402
    FeatureValueCount,
)
from tensorflow_data_validation.utils.top_k_uniques_stats_util import (  # noqa: E402
    make_feature_stats_proto_topk_uniques as top_values_proto,
)
from tfx_bsl.statistics.merge_util import merge_dataset_feature_statistics as merged  # noqa: E402

__all__ = [
    "FeaturePath",
    "FeatureValueCount",
    "TopKUniquesSketchStatsGenerator",
    "get_generators",
    "merged",
    "top_values_proto",
]
