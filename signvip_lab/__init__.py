"""The laboratory measures the engine: evaluation, back-translation, ablation and the demo.

It imports `signvip`; nothing but the command line imports it. Figures and tables need the extra `report`.
"""
