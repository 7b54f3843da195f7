"""What may be asked of a checkpoint, whether it fits, and in which steps it is done."""
