"""What commands print, for people and for programs, whatever the terminal can show."""

import json
import sys

ASCII_SHADES = str.maketrans("░▒▓█", ".:+#")


def make_console(stderr=False):
    """Where lines for a person go; what a path or a name holds is never taken for markup.

    Args:
        stderr: bool. Whether that is standard error.

    Returns:
        `rich.console.Console`.
    """
    from rich.console import Console  # Belongs to the extras, which a user of the layers may lack.

    return Console(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)


def json_text(content, indent=None):
    """JSON for standard output, with escapes in place of what its encoding cannot hold.

    Args:
        content: dict or list; arrays become lists.
        indent: int. Columns that each level is indented by; all in one line if not given.

    Returns:
        str.
    """
    is_unicode = (sys.stdout.encoding or "ascii").lower().startswith("utf")
    return json.dumps(
        content, ensure_ascii=not is_unicode, indent=indent, default=lambda array: array.tolist()
    )


def drawing(text):
    """What `alignment_text` drew, with the shades of ASCII where standard output has no others.

    Args:
        text: str.
    """
    try:
        "░▒▓█".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return text.translate(ASCII_SHADES)
    return text
