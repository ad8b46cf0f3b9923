"""The whole paper from one recipe, on drawn patients or on your own data and models."""
