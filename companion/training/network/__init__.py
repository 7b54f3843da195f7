"""The model that is trained, its optimizers, and the files it is made from and into."""
