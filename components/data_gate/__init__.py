"""The gate that stops a run on bad data before anything is trained on it."""
