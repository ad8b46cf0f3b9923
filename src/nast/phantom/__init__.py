"""Synthetic patients with known findings, and the small model that is trained on them."""

MARKER = "PHANTOM"
"""The file that marks a tree as drawn."""
