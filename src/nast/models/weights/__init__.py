"""The files of others: containers, layouts and names of weights, read safely."""
