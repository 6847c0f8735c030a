"""The packages that ``new-plugin`` makes."""
