"""The REST APIs of pipeline services and clouds: one HTTP client, signing in, and tokens kept out of messages."""
