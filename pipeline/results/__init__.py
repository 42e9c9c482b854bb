"""What a run leaves behind, read back."""
