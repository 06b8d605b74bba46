"""The command line: it turns words into one call of the engine, loaded only when a command runs."""
