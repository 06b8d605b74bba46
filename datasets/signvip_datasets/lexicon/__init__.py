"""Real poses, signed by the drawn people of `toysign`: fingerspelling (dataset `lexicon`) and whole clips (`poses`).

index -> texts -> holds (letters) -> ties (movement) -> body (skeleton) -> the painter of `toysign`; a whole clip comes
from `filmed` instead. Joined letters are not how fluent people spell: docs/how-to/lexicon.md. Imports no torch.
"""
