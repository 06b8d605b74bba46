"""Find plugins: the distributions that are installed, and a guard around the import of each.

Only the registry imports it; imports the face alone."""
