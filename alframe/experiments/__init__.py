"""From a configuration to finished trials."""
