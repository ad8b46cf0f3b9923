"""Model x items -> scores: choices, retrieval, prompt pairs, chat models (paper section 5)."""
