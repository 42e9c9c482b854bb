"""The graph as a file that a cluster takes."""
