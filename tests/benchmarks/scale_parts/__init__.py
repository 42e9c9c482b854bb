"""How components grow with rows and columns: what `tests/benchmarks/scale.py` is made of."""
