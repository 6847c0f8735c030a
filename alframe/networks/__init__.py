"""Networks, where they run, and what they start from."""
