"""Tables, figures and a page from finished folders."""
