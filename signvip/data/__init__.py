"""Data: video in and out, shards in and out, and what a shard set says of itself (no torch at import)."""
