"""TFX components of our own, one folder each; none imports another."""
