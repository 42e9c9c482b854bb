"""All kinds of broken models."""

from support.zoo import (
    broken_answers,
    broken_batches,
    broken_contract,
    broken_files,
    broken_names,
    broken_process,
    broken_requests,
)
from support.zoo.kinds import KINDS, Kind

__all__ = ["KINDS", "Kind"]

MODULES = (broken_contract, broken_answers, broken_batches, broken_requests, broken_files, broken_names, broken_process)
"""Importing them registers their kinds."""
