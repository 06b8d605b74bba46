"""What is wrong with a machine or with a set of shards: what `signvip doctor` tells.

May import the face, storage, data and footprint."""
