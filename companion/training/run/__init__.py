"""The training loop, and everything a run needs to go on where it stopped."""
