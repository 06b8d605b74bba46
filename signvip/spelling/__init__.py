"""Fingerspelling from a lexicon of real poses, signed by the drawn people of `toysign`: the dataset `lexicon`.

index -> texts -> holds (letters) -> ties (movement) -> body (skeleton) -> the painter of `toysign`. Joined letters are
not how fluent people spell: docs/lexicon.md. Imports no torch.
"""
