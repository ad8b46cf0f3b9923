"""Scores per item, then figures with intervals (paper sections 3.3, 5.2-5.5)."""
