"""One file per subcommand; each imports what it calls in its function, so that `--help` loads no torch."""
