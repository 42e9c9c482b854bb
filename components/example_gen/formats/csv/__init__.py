"""Reads CSV files into Arrow columns."""
