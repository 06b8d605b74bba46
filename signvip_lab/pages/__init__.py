"""Pages to read and look at: what a page shows, and its templates, with everything in one file.

They import the dress and files of the engine alone; the demo and the ablation import them.
"""
