"""Part of SignViP."""
