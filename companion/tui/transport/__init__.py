"""The transport: position, tempo, clock, and what comes next."""
