"""The whole program in time, and its parts that have a time to keep."""
