"""Causal tracing of a negation through a text tower (paper section 4.2)."""
