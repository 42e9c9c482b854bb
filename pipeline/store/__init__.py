"""Where a root's metadata store is, and the one place that opens it."""
