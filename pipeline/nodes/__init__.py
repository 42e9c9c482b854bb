"""The parts of the graph: which node, with what."""
