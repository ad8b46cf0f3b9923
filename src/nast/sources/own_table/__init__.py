"""A site's own table, read through a mapping that the site writes or lets be guessed."""
