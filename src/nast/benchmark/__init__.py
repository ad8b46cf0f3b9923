"""MedNega-CXR: paired multiple-choice questions and their audit (paper section 3)."""
