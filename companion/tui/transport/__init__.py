"""The transport: where we are, how fast, by whose clock, and what comes next."""
