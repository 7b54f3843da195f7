"""From a window of music to the token ids that the model is fed."""
