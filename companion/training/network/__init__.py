"""The model that is trained, its optimisers, its starting weights, and the export of its checkpoints."""
