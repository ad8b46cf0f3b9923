"""One short file per subcommand: parse, call the library, print."""
