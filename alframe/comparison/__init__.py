"""What runs show: statistics and verdicts. Nothing here imports torch."""
