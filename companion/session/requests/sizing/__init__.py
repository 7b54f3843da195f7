"""How large a request is, and which size of the checkpoint writes it: what fits into the time that there is."""
