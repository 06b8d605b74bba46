"""Evaluation: a run's clips made, measured by every metric, and told with their counts and intervals (section 4).

It imports the engine and `signvip_lab.backtranslation`.
"""
