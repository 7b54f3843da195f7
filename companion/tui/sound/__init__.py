"""Sound on the screen: the typing keyboard and the mixer."""
