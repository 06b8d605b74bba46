"""The command line: it turns words into one call of the engine or the laboratory, loaded when a command runs.

Nothing imports it.
"""
