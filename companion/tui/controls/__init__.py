"""Controls that change while playing: the commands of the keys, sampling, attributes."""
