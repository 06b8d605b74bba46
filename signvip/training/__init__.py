"""The one loop that every phase goes through, and what it needs: batches, optimizer, validation, several cards.

Knows no stage. May import the face, storage and models."""
