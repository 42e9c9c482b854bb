"""What becomes of a run on Vertex, in one line of its log."""
