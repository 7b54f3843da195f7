"""The chord of each bar (written, held by the player, heard or expected), and its guide for the model."""
