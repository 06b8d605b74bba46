"""Sources of a new plugin, filled in by `signvip plugins new`. They import the public face."""
