"""A trial on disk: written to survive, and read back."""
