"""Samples, and how they become network inputs."""
