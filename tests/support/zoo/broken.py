"""All kinds of broken models."""

from support.zoo import (
    broken_answers,
    broken_batches,
    broken_contract,
    broken_files,
    broken_process,
    broken_requests,
    broken_rows,
    broken_time,
)
from support.zoo.kinds import KINDS, Kind

__all__ = ["KINDS", "Kind"]

MODULES = (
    broken_contract,
    broken_answers,
    broken_batches,
    broken_requests,
    broken_files,
    broken_process,
    broken_rows,
    broken_time,
)
"""Importing them registers their kinds."""
