"""How tables come in: the `data:` section."""
