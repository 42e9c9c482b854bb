"""A real TensorFlow Serving: started from the PATH or given by its address, and asked over REST and gRPC."""
