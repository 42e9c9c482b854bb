"""`lockgate serve`: a server for development that speaks TensorFlow Serving's REST API."""
