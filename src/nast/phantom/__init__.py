"""Synthetic patients with known findings, and the small model that is trained on them."""
