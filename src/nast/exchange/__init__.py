"""Out to other projects, in from them: their file formats, read and written without them."""
