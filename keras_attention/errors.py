"""The one exception that a person, not a program, is meant to read, and what others say."""


class UserError(ValueError):
    """Something the user can mend: one clear sentence; the command line exits with code 2."""


def first_line(error):
    """The first line of what an error says, or the name of its class where it says nothing.

    Args:
        error: exception, or what one said.

    Example:

    >>> first_line(ValueError("no such file\\nand more"))
    'no such file'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]
