"""Compliance on the wire."""
