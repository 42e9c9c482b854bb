"""Whole runs of stock TFX and of Lockgate, side by side: what `tests/benchmarks/whole_run.py` is made of."""
