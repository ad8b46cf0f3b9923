"""Scores -> one metrics table: intervals, tests, subsets, comparisons, no harm."""
