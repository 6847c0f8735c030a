"""The command line of alframe: presentation, and nothing else."""
