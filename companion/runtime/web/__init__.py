"""An attached screen in a browser: who may see it, its page, and the server around textual-serve."""
