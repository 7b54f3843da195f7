"""The picture of a session for screens."""
