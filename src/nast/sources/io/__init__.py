"""Archives, tables, JSON and pictures as people have them, read strictly and within bounds."""
