"""The parts of `quality.py`: tables, models, results, what follows from them, and how it is shown."""
