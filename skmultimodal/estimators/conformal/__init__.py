"""Sets and intervals with a promised coverage."""
