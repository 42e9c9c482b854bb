"""Reads JSON Lines files into Arrow columns."""
