"""A sentence -> facts, or 'not read'."""
