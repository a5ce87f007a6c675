"""How tags of words write down the spans of a text: BIO, BILOU and tags that are no spans.

A tag of a span is a prefix, a hyphen and the kind of span: "B-PER". The prefix says where in the
span the word stands:

    words   Ada   King   wrote  to     Babbage
    BIO     B-PER I-PER  O      O      B-PER
    BILOU   B-PER L-PER  O      O      U-PER

References:
    Ramshaw and Marcus (1995), section 3.2 (BIO, in the form of Tjong Kim Sang and Veenstra, 1999).
    Ratinov and Roth (2009), section 2 (BILOU).
"""

OUTSIDE = "O"
PREFIXES = {"bio": "BI", "bilou": "BILU"}
PLAIN = "plain"
SCHEMES = (*PREFIXES, PLAIN)


def check_scheme(scheme):
    """`scheme` if it is a known one."""
    if scheme not in SCHEMES:
        raise ValueError(f"Expected `scheme` to be one of {SCHEMES}. Received: scheme={scheme!r}")
    return scheme


def split_tag(tag):
    """Prefix and kind of a tag: `("B", "PER")`, `("O", "")`."""
    prefix, _, kind = tag.partition("-")
    return prefix, kind


def tags_of(kinds, scheme):
    """All tags of a scheme: "O", then those of each kind of span.

    Example:

    >>> tags_of(["PER"], "bilou")
    ['O', 'B-PER', 'I-PER', 'L-PER', 'U-PER']
    """
    return [OUTSIDE, *(f"{prefix}-{kind}" for kind in kinds for prefix in PREFIXES[scheme])]


def groups(tags):
    """The spans of a row of tags, also of a malformed one, in words.

    A span begins at "B" or "U", and at "I" or "L" where no span of its kind goes on: so the
    evaluation of the CoNLL shared tasks reads them (Tjong Kim Sang and Buchholz, 2000). It ends at
    "L" or "U", and before a tag that does not continue it.

    Args:
        tags: list of str, of BIO or BILOU.

    Returns:
        List of `(kind, begin, end)`: the first word of the span, and the one behind its last.

    Example:

    >>> groups(["O", "I-PER", "I-PER", "I-LOC", "B-LOC"])
    [('PER', 1, 3), ('LOC', 3, 4), ('LOC', 4, 5)]
    """
    spans, is_open = [], False
    for place, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        if tag == OUTSIDE:
            is_open = False
            continue
        if is_open and prefix in "IL" and spans[-1][0] == kind:
            spans[-1] = (kind, spans[-1][1], place + 1)
        else:
            spans.append((kind, place, place + 1))
        is_open = prefix in "BI"
    return spans


def written(spans, length, scheme):
    """The row of tags that says where spans are.

    Args:
        spans: list of `(kind, begin, end)` in words, none of which overlap.
        length: Integer. Words of the row.
        scheme: `"bio"` or `"bilou"`.

    Returns:
        List of str, as long as `length`.

    Example:

    >>> written([("PER", 1, 3), ("LOC", 3, 4)], 5, "bilou")
    ['O', 'B-PER', 'L-PER', 'U-LOC', 'O']
    """
    tags = [OUTSIDE] * length
    for kind, begin, end in spans:
        prefixes = ["B"] + ["I"] * (end - begin - 1)
        if scheme == "bilou":
            prefixes[-1] = "U" if end - begin == 1 else "L"
        tags[begin:end] = [f"{prefix}-{kind}" for prefix in prefixes]
    return tags


def may_follow(before, after, scheme):
    """Whether a well-formed row of tags has one tag behind another.

    Args:
        before: str, or None at the beginning of a row.
        after: str, or None at the end of a row.
        scheme: str.

    Example:

    >>> may_follow("B-x", "I-x", "bio"), may_follow("O", "I-x", "bio"), may_follow(None, "O", "bio")
    (True, False, True)
    >>> may_follow("B-x", "O", "bilou"), may_follow("I-x", None, "bilou")
    (False, False)
    """
    if scheme == PLAIN:
        return True
    first, kind = split_tag(before or OUTSIDE)
    second, other = split_tag(after or OUTSIDE)
    goes_on = kind == other and first in ("B", "I")
    if scheme == "bio":
        return second != "I" or goes_on
    return goes_on if second in ("I", "L") else first not in ("B", "I")
