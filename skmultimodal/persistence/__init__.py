"""Saved files and exported graphs."""
