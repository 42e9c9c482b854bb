"""The stock Transform, with a fast path where one machine reads the examples."""
