"""What labels are read from and written to, one file a format."""
