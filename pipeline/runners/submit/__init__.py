"""A compiled pipeline on its cluster: submitted, scheduled, followed."""
