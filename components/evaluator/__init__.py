"""The stock Evaluator with a sound rule for slices that are too small to judge."""
