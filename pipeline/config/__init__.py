"""pipeline.yaml: read, merged, validated and explained."""
