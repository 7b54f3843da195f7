"""What travels between our processes, and how."""
