"""What works on this machine: each check in a module of its subject, all of them at once, none of them with TensorFlow.

Values of environment variables are never shown: whether they are set is all that is said.
"""
