"""The file formats that a table can be in, one module each, and how files are opened."""
