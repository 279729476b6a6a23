"""The sale as small steps. Each looks first whether it was done before, so that it can be taken again after a crash."""
