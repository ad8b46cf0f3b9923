"""Expert review of a question set: sheets out, filled sheets in, a new version of the set."""
