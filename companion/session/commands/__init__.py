"""What the player can ask for."""
