"""Further screens on a running performance, over a local socket of the user's own."""
