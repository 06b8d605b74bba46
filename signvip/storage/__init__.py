"""Files that a run is made of: written whole or not at all, read without running code, locked, and fitting each other.

May import the face alone, of which config and errors."""
