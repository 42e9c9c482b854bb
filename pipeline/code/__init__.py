"""The user's and our own code behind dotted paths: found, hashed, held against the image."""
