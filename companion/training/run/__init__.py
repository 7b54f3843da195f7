"""The training loop, and everything that a run needs to continue where it stopped."""
