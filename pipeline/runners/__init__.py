"""The places where the graph runs."""
