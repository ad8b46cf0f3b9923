"""Dual encoders and their text towers."""
