"""What stands around Eq. 4 and is not in it: a stored run read, doubts told, a device chosen, files written.

They import the sampler, the networks, `data` and `storage`; `pipeline.py` and `generate.py` import them.
"""
