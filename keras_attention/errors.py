"""The one exception that a person, not a program, is meant to read."""


class UserError(ValueError):
    """Something the user can mend: the message is one clear sentence, and the command line exits with 2."""
