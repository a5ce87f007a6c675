"""The one exception that a person, not a program, is meant to read."""


class UserError(ValueError):
    """Something the user can mend: one clear sentence; the command line exits with code 2."""
