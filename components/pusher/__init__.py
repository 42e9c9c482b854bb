"""The atomic, versioned push into a serving folder."""
