"""How each family of models is loaded and saved."""
