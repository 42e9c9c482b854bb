"""All kinds of broken models."""

from support.zoo import (
    broken_answers,
    broken_batches,
    broken_beyond,
    broken_contract,
    broken_files,
    broken_graph,
    broken_names,
    broken_process,
    broken_reasons,
    broken_requests,
    broken_rows,
    broken_sizes,
    broken_state,
    broken_time,
    broken_values,
    broken_words,
)
from support.zoo.kinds import KINDS, Kind

__all__ = ["KINDS", "Kind"]

MODULES = (
    broken_answers,
    broken_batches,
    broken_beyond,
    broken_contract,
    broken_files,
    broken_graph,
    broken_names,
    broken_process,
    broken_reasons,
    broken_requests,
    broken_rows,
    broken_sizes,
    broken_state,
    broken_time,
    broken_values,
    broken_words,
)
"""Importing them registers their kinds."""
