"""Reads tables into examples: the `data:` section."""
