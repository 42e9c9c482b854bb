"""Databases: a query run once, its rows kept as one file."""
