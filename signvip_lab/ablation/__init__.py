"""Ablations: a grid over any option, each cell trained and measured once, and a report of tables, figures and clips.

It imports the engine and the rest of the laboratory.
"""
