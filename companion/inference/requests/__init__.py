"""Requests to a checkpoint: their options, their validation, and the steps in which they are carried out."""
