"""The stock Evaluator component with our executor."""

from tfx.components.evaluator.component import Evaluator as StockEvaluator
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

from components.evaluator.executor import Executor


class Evaluator(StockEvaluator):
    """As `tfx.components.Evaluator`; slices below `min_slice_size` are left out of the verdict too."""

    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
