"""How large networks are and how much memory their training takes, computed on the meta device; what to do about it.

May import the face, storage and models."""
