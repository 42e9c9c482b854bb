"""What is asked of the model and how its answers are judged, one module per family of checks."""
