"""Several takes of a part's bar: how many are asked for, and the player's choice among them."""
