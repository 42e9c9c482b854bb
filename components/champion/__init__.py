"""The champion where there is no metadata store to ask: looked up in the serving folder or the Model Registry."""
