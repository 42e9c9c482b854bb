"""The columns of the request log that hold what the model said."""

LABEL, VALUE = "prediction_label", "prediction_value"
"""The most probable class, or the number."""
VERSION, TIME = "prediction_version", "prediction_time"
"""Which version answered, int64, and when, ISO 8601 in UTC."""
PROBABILITY = "prediction_probability_"
"""The class's name follows; float32."""
