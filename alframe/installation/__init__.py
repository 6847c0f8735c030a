"""What is installed here: does it work, and what did a run use."""
