"""Rows, the requests made from them, and comparing the answers."""
