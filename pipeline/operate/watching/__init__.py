"""Continuous training on this machine: waits for other data, has a run made of it, and waits again."""
