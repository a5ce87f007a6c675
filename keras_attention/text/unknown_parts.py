"""What of a text a tokenizer does not know."""

LISTED = 5  # As many an error names.


def unknown_parts(tokenizer, text):
    """The characters of a text that a tokenizer cannot encode, or the words that hold them.

    Args:
        tokenizer: `Tokenizer`.
        text: str.

    Returns:
        List of str in the order of the text, each once: characters where these are unknown by
        themselves, else words, as those of a `WordTokenizer` that it has not learned.

    Example:

    >>> from keras_attention.text import CharacterTokenizer, WordTokenizer
    >>> unknown_parts(CharacterTokenizer.train(["abc"]), "a cab — c")
    [' ', '—']
    >>> unknown_parts(WordTokenizer.train(["a cab"]), "a red cab")
    ['red']
    """
    words = _unknown(tokenizer, text.split())
    if tokenizer.kind == "word":
        return words
    characters = _unknown(tokenizer, text)
    return characters or words or ([text] if _unknown(tokenizer, [text]) else [])


def listed(parts):
    """Unknown parts as an error names them.

    Example:

    >>> listed(["a", "é"])
    "'a', 'é'"
    """
    rest = f" and {len(parts) - LISTED} more" if len(parts) > LISTED else ""
    return ", ".join(map(repr, parts[:LISTED])) + rest


def _unknown(tokenizer, parts):
    parts = list(dict.fromkeys(parts))
    if not parts:
        return []
    rows = tokenizer.encode(parts).to_list()
    return [part for part, row in zip(parts, rows, strict=True) if tokenizer.unknown_id in row]
