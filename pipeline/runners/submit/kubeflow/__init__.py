"""Kubeflow Pipelines v2beta1 over REST: what is sent, in which order, and what the answers say."""
