"""What the Evaluator's metrics and models are called in its configuration and its results.

By themselves, so that who reads results imports neither TensorFlow nor Beam for the names.
"""

CANDIDATE, BASELINE = "candidate", "baseline"
"""The models in an EvalConfig; one that was evaluated alone has no name in the results."""

MEASURED, OF_CLASS, MATRIX_CLASS = "Measured", "MeasuredOfClass", "LabelByAnswer"
CURVES_CLASS, SKILL_CLASS = "Curves", "Skill"
INTERVALS_CLASS, BOUND_CLASS = "Intervals", "Bound"
"""The classes of metrics in an EvalConfig: those of `metrics`, of `curves` and `skill`, and of `confidence`."""

SKILL = "skill"
"""The gain as a share of the loss without features, and what it is at least, with the confidence asked for."""
LOSS, TRIVIAL_LOSS = "skill_loss", "skill_trivial_loss"
"""The two mean losses; the square roots of the means where the loss is squared."""
BOUNDED = frozenset({"macro_auc"})
"""Metrics from sources of which a row adds to several cells: of too many rows and classes they have no interval."""
