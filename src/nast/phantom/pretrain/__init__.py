"""The models that are trained on phantom patients: `phantom` and `phantom-minilm`."""
