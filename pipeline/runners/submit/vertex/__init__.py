"""Vertex AI Pipelines v1 over REST: what is sent, in which order, and what the answers say."""
