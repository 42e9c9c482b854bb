"""One module for each command other than `run`, and what the commands share."""
