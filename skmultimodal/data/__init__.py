"""Containers, columns, cells and files: what X is made of."""
