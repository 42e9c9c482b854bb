"""Training policy: fit, callbacks, checkpoints, signatures and the one export path."""
