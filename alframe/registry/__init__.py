"""Which plugins there are, and what they offer."""
