"""A person labels, a model chooses what comes next."""
