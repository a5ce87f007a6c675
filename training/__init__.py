"""From files of text to a run directory on disk."""
