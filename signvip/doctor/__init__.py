"""Find what is wrong with a machine or a set of shards, for `signvip doctor` to report.

May import the face, storage, data and footprint."""
