"""Facts to sentences by a language model, every sentence checked (paper Appendices B and C)."""
