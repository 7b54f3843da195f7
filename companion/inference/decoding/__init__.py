"""Token by token: the loop, the draw, and the notes that come out."""
