"""Boosting: trees grown by scikit-learn on the transformed rows, and made into the weights of a Keras model."""
