"""What is known about conditions, and what facts entail."""
