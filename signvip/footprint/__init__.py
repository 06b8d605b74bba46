"""Compute the size of networks and the memory of their training on the meta device, and advise what would fit.

May import the face, storage and models."""
