"""Who runs trials: this process, or several."""
