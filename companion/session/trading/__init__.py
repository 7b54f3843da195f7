"""Taking turns with the player."""
