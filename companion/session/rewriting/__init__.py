"""Writing the rest of the bar that sounds anew, where the player contradicts it."""
