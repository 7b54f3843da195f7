"""The command palette: every action by its name, with its key."""
