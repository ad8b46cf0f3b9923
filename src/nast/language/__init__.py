"""Facts to sentences and back."""
