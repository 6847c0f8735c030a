"""Hostile cases, by family, and the sandbox that tries them."""
