"""The checks of the smoke test by name, and what each one's failure means unless the configuration says otherwise."""

from typing import Literal

from components.findings import Severity

DEFAULT_SEVERITIES: dict[str, Severity] = {
    # Before anything of the model is executed.
    "schema": "block",
    "ops": "block",
    "state": "block",
    "variables": "block",
    "paths": "block",
    "assets": "block",
    "fingerprint": "block",
    "size": "block",
    # The process, and what it says at the door.
    "process": "block",
    "isolation": "warn",
    "stdout": "block",
    "loads": "block",
    "signatures": "block",
    "champion_contract": "block",
    # Real rows.
    "answers": "block",
    "outputs": "block",
    "finite": "block",
    "probabilities": "block",
    "classes": "block",
    "label": "block",
    "range": "block",
    "rest": "block",
    # The same numbers everywhere.
    "golden": "block",
    "parity": "block",
    "transform_parity": "block",
    "signatures_agree": "block",
    "missing_words": "block",
    # Whatever the batch.
    "batch_sizes": "block",
    "row_order": "block",
    "repeatable": "block",
    "threads": "block",
    "endurance": "block",
    # Preprocessing is inside.
    "constant": "block",
    "feature_effect": "block",
    "ignored_features": "block",
    "label_required": "block",
    "label_ignored": "block",
    # Searched for, around what stands in the graph.
    "values": "block",
    "integers": "block",
    "words": "block",
    "defaults": "block",
    "lengths": "block",
    # Requests made to do harm.
    "harm": "block",
    "recovery": "block",
    # Budgets.
    "load_time": "block",
    "memory": "block",
    "latency": "block",
    "throughput": "block",
    "champion_budget": "warn",
    # Other engines.
    "server_rest": "block",
    "server_grpc": "block",
    "infra_validator": "block",
}
"""In the order of the report."""

CheckName = Literal[
    "schema", "ops", "state", "variables", "paths", "assets", "fingerprint", "size",
    "process", "isolation", "stdout", "loads", "signatures", "champion_contract",
    "answers", "outputs", "finite", "probabilities", "classes", "label", "range", "rest",
    "golden", "parity", "transform_parity", "signatures_agree", "missing_words",
    "batch_sizes", "row_order", "repeatable", "threads", "endurance",
    "constant", "feature_effect", "ignored_features", "label_required", "label_ignored",
    "values", "integers", "words", "defaults", "lengths",
    "harm", "recovery",
    "load_time", "memory", "latency", "throughput", "champion_budget",
    "server_rest", "server_grpc", "infra_validator",
]  # fmt: skip

HarmCase = Literal[
    "missing_feature", "missing_optional", "missing_required", "unknown_category", "empty_string", "long_bytes",
    "not_utf8", "nan", "infinity", "largest", "smallest", "wrong_dtype", "wrong_rank", "extra_feature",
    "truncated_example", "random_bytes",
]  # fmt: skip

HarmOutcome = Literal["answer", "error", "either", "any", "skip"]
"""`answer`: finite, of the declared shape; `error`: InvalidArgument; `either`: one of the two, and nothing else; `any`:
InvalidArgument or an answer of the declared shape, NaN and infinity allowed, but no other error; `skip`: it is not
sent."""

DEFAULT_OUTCOMES: dict[str, HarmOutcome] = {
    "missing_feature": "either",
    "missing_optional": "answer",
    "missing_required": "either",
    "unknown_category": "answer",
    "empty_string": "answer",
    "long_bytes": "answer",
    "not_utf8": "answer",
    "nan": "answer",
    "infinity": "either",
    "largest": "either",
    "smallest": "either",
    "wrong_dtype": "error",
    "wrong_rank": "either",
    "extra_feature": "either",
    "truncated_example": "error",
    "random_bytes": "error",
}

UNPROMISED_OUTCOMES: dict[str, HarmOutcome] = {
    "unknown_category": "either",
    "empty_string": "either",
    "long_bytes": "either",
    "not_utf8": "either",
    "nan": "any",
    "infinity": "any",
    "largest": "any",
    "smallest": "any",
}
"""What differs where nobody has promised an answer: the features of a model that no Lockgate trainer made, unless the
case is what the signature itself puts in for a missing value. NaN makes NaN in every plain network, and a text that is
not a JPEG, or not in a closed list, may be refused."""
