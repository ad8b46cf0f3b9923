"""What questions, claim sets and imported items share: one table, groups, audit, review."""
