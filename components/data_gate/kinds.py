"""The kinds of anomaly that TFDV knows, how serious each is unless configured otherwise, and what to do about it.

The names are those of `AnomalyInfo.Type` in tensorflow_metadata's anomalies.proto. No TensorFlow here: the
configuration is checked against this table.
"""

from components.findings import Severity

UNEXPECTED_VALUES = "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
"""Strings outside the domain. How serious they are depends on their share: `data_gate.unexpected_values`."""

_ACCEPT = "if this is right, accept the proposed schema"

HINTS: dict[str, str] = {
    "SCHEMA_MISSING_COLUMN": "bring the column back (was it renamed?), or take it out of the schema (and of features:)",
    "SCHEMA_NEW_COLUMN": f"nothing reads it; {_ACCEPT} to declare it, or drop it from the table",
    UNEXPECTED_VALUES: f"correct the values, or {_ACCEPT}, which adds them to the domain",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": f"find out why values are missing; {_ACCEPT}, which lowers min_fraction",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": f"find out why values are missing; {_ACCEPT}, which lowers min_count",
    "FEATURE_TYPE_NOT_PRESENT": f"find out why values are missing; {_ACCEPT}, which relaxes the presence",
    "FEATURE_TYPE_NO_VALUES": f"find out why values are missing; {_ACCEPT}, which relaxes the presence",
}
"""What to do about a kind; kinds without an entry get one by their family."""

_FAMILIES = {
    ("INT_TYPE_", "FLOAT_TYPE_", "BOOL_TYPE_", "STRING_TYPE_", "ENUM_TYPE_", "UNEXPECTED_DATA_TYPE"): (
        f"correct the values (a unit, a column shifted, text among numbers?), or {_ACCEPT}"
    ),
    ("FEATURE_TYPE_",): f"correct the table, or {_ACCEPT}",
    ("COMPARATOR_",): "raise the comparator's limit in the schema if the change is real",
    ("DATASET_",): "check that the table is complete, or change dataset_constraints in the schema",
    ("INVALID_", "DOMAIN_INVALID", "FEATURE_MISSING_"): "the schema itself is wrong here: correct it",
}

_BLOCKING = [
    "UNKNOWN_TYPE",
    "BOOL_TYPE_BIG_INT",
    "BOOL_TYPE_BYTES_NOT_INT",
    "BOOL_TYPE_BYTES_NOT_STRING",
    "BOOL_TYPE_FLOAT_NOT_INT",
    "BOOL_TYPE_FLOAT_NOT_STRING",
    "BOOL_TYPE_INT_NOT_STRING",
    "BOOL_TYPE_SMALL_INT",
    "BOOL_TYPE_STRING_NOT_INT",
    "BOOL_TYPE_UNEXPECTED_STRING",
    "BOOL_TYPE_UNEXPECTED_FLOAT",
    "BOOL_TYPE_INVALID_CONFIG",
    "ENUM_TYPE_BYTES_NOT_STRING",
    "ENUM_TYPE_FLOAT_NOT_STRING",
    "ENUM_TYPE_INT_NOT_STRING",
    "ENUM_TYPE_INVALID_UTF8",
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
    "FEATURE_TYPE_HIGH_NUMBER_VALUES",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT",
    "FEATURE_TYPE_LOW_NUMBER_VALUES",
    "FEATURE_TYPE_NOT_PRESENT",
    "FEATURE_TYPE_NO_VALUES",
    "FEATURE_TYPE_UNEXPECTED_REPEATED",
    "FEATURE_TYPE_HIGH_UNIQUE",
    "FEATURE_TYPE_LOW_UNIQUE",
    "FEATURE_TYPE_NO_UNIQUE",
    "FLOAT_TYPE_BIG_FLOAT",
    "FLOAT_TYPE_NOT_FLOAT",
    "FLOAT_TYPE_SMALL_FLOAT",
    "FLOAT_TYPE_STRING_NOT_FLOAT",
    "FLOAT_TYPE_NON_STRING",
    "FLOAT_TYPE_UNKNOWN_TYPE_NUMBER",
    "FLOAT_TYPE_HAS_NAN",
    "FLOAT_TYPE_HAS_INF",
    "INT_TYPE_BIG_INT",
    "INT_TYPE_INT_EXPECTED",
    "INT_TYPE_NOT_INT_STRING",
    "INT_TYPE_NOT_STRING",
    "INT_TYPE_SMALL_INT",
    "INT_TYPE_STRING_EXPECTED",
    "INT_TYPE_UNKNOWN_TYPE_NUMBER",
    "LOW_SUPPORTED_IMAGE_FRACTION",
    "SCHEMA_MISSING_COLUMN",
    "SCHEMA_TRAINING_SERVING_SKEW",
    "STRING_TYPE_NOW_FLOAT",
    "STRING_TYPE_NOW_INT",
    "COMPARATOR_L_INFTY_HIGH",
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
    "NO_DATA_IN_SPAN",
    "SPARSE_FEATURE_MISSING_VALUE",
    "SPARSE_FEATURE_MISSING_INDEX",
    "SPARSE_FEATURE_LENGTH_MISMATCH",
    "SPARSE_FEATURE_NAME_COLLISION",
    "COMPARATOR_LOW_NUM_EXAMPLES",
    "COMPARATOR_HIGH_NUM_EXAMPLES",
    "DATASET_LOW_NUM_EXAMPLES",
    "DATASET_HIGH_NUM_EXAMPLES",
    "WEIGHTED_FEATURE_NAME_COLLISION",
    "WEIGHTED_FEATURE_MISSING_VALUE",
    "WEIGHTED_FEATURE_MISSING_WEIGHT",
    "WEIGHTED_FEATURE_LENGTH_MISMATCH",
    "VALUE_NESTEDNESS_MISMATCH",
    "DOMAIN_INVALID_FOR_TYPE",
    "FEATURE_MISSING_NAME",
    "FEATURE_MISSING_TYPE",
    "INVALID_SCHEMA_SPECIFICATION",
    "INVALID_DOMAIN_SPECIFICATION",
    "UNEXPECTED_DATA_TYPE",
    "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
    "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
    "SEQUENCE_VALUE_TOO_SMALL_FRACTION",
    "SEQUENCE_VALUE_TOO_LARGE_FRACTION",
    "FEATURE_COVERAGE_TOO_LOW",
    "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH",
    "NLP_WRONG_LOCATION",
    "EMBEDDING_SHAPE_INVALID",
    "MAX_IMAGE_BYTE_SIZE_EXCEEDED",
    "INVALID_FEATURE_SHAPE",
    "DERIVED_FEATURE_BAD_LIFECYCLE",
    "DERIVED_FEATURE_INVALID_SOURCE",
    "CUSTOM_VALIDATION",
]
_WARNING = [
    "SCHEMA_NEW_COLUMN",
    "SEMANTIC_DOMAIN_UPDATE",
    "COMPARATOR_CONTROL_DATA_MISSING",
    "COMPARATOR_TREATMENT_DATA_MISSING",
    "STATS_NOT_AVAILABLE",
]

DEFAULTS: dict[str, Severity] = {**dict.fromkeys(_BLOCKING, "block"), **dict.fromkeys(_WARNING, "warn")}
"""Severities by the kind's name. A kind warns when the run can do its work in spite of it (a column that nothing reads;
a check that could not be made) and blocks otherwise."""


_VALUES = (
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "ENUM_TYPE_INVALID_UTF8", "FEATURE_TYPE_LOW_FRACTION_PRESENT",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT", "FEATURE_TYPE_NOT_PRESENT", "FEATURE_TYPE_NO_VALUES",
    "FEATURE_TYPE_HIGH_UNIQUE", "FEATURE_TYPE_LOW_UNIQUE", "FEATURE_TYPE_NO_UNIQUE", "INT_TYPE_BIG_INT",
    "INT_TYPE_SMALL_INT", "FLOAT_TYPE_BIG_FLOAT", "FLOAT_TYPE_SMALL_FLOAT", "FLOAT_TYPE_HAS_NAN", "FLOAT_TYPE_HAS_INF",
    "BOOL_TYPE_BIG_INT", "BOOL_TYPE_SMALL_INT", "BOOL_TYPE_UNEXPECTED_STRING", "BOOL_TYPE_UNEXPECTED_FLOAT",
    "COMPARATOR_L_INFTY_HIGH", "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
)  # fmt: skip


def about_values(kind: str) -> bool:
    """Whether the anomaly is about a column's values, and not about its type or that it is there.

    Transform reads every column of the schema, used or not: a column of another type ends it, and one that is gone
    means that the source has changed. What values an unused column has makes no difference to the model.
    """
    return kind in _VALUES


def hint(kind: str) -> str:
    """What to do about an anomaly of this kind."""
    if kind in HINTS:
        return HINTS[kind]
    return next(
        (text for names, text in _FAMILIES.items() if kind.startswith(names)), f"correct the table, or {_ACCEPT}"
    )
