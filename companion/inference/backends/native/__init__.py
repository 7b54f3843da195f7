"""The CPU engine of our own: kernels in C that read every weight, key and value once, as bytes."""
