"""Rooms of the sentence reader; `nast.language.parse` is its door."""
