"""One round: fit, ask, tell; and who serves each stage."""
