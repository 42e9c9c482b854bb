"""Google's REST APIs: signing in, calls, and tokens kept out of messages."""
