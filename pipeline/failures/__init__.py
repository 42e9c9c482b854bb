"""What an error means for the person who sees it: a mistake to fix, an engine that failed, or a bug."""
