"""The model's process: its parent's side, and in `worker/` its own."""
