"""Presets: one TOML file each, every number with its source or reason on the line. They import nothing."""
