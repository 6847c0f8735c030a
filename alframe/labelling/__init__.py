"""A person labels and the model chooses: the session on disk, the learner beside it, the page in a browser."""
