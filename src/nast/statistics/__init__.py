"""Intervals, tests and areas for items that belong to patients and groups; numbers only."""
