"""Back-translation: readers of signing that are trained on true clips, and then read generated ones (section 4.1).

It imports the engine.
"""
