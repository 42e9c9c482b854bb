"""Stock TFX 1.21, as its taxi template writes a pipeline, on the tables of the benchmark."""
