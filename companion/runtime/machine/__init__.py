"""What this machine can do, and what our processes ask of it."""
