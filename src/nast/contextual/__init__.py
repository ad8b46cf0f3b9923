"""The contextual negation set: claim sets and captions (paper section 4.1)."""
