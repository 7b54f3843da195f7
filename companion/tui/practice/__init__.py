"""The practice view: song structure, loop, pass, tempo, parts and accuracy."""
