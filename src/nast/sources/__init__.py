"""Files as people download them -> studies and facts."""
