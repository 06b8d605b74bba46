"""The authors' released checkpoint as a run: files are known by the keys in them, never by their names.

It imports the networks and the pipeline; only commands import it.
"""

from signvip.release.importer import ImportOptions, import_release

__all__ = ["ImportOptions", "import_release"]
