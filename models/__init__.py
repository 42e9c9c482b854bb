"""Architectures and nothing else: uncompiled Keras models in, no fit, no files."""
