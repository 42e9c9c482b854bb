"""Cells become values: what each column holds, is used for, and is converted to."""
