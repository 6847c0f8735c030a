"""All that crosses the border between engine and plugin."""
