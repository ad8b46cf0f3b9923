"""Layer-scaled LoRA fine-tuning (paper section 4.3)."""
