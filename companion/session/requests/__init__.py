"""Requests to the engine: when, for what, and what comes back."""
