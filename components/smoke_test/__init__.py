"""The gate that loads the exported model in a clean process and asks it real rows."""
