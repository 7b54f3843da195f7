"""What belongs to sound on the screen: a keyboard to type on, and the mixer."""
