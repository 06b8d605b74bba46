"""A signed track for a film with subtitles: read the cues, sign them, fit them in time, lay them over the film.

It imports `signvip`; nothing but the command line imports it.
"""
