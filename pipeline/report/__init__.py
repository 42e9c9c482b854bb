"""One page about one run, from TFX's metadata store and artifacts: facts, charts, page."""
