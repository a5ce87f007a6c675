"""How many tokens of a split a vocabulary does not know, which they are, and what to try."""

import unicodedata
from collections import Counter

from keras_attention.text.words import JOINER, split_at_spaces, split_words

from .pipeline import encode_all

MANY = 0.005  # Fraction of tokens from which on something should be done.
EXAMPLES = 5

# What may make unknown text known: flag, what it does to a text, whether a tokenizer does it.
_FORMS = (
    (
        "--normalization nfc",
        lambda text: unicodedata.normalize("NFC", text),
        lambda tokenizer: tokenizer.normalization != "none",
    ),
    (
        "--normalization nfkc",
        lambda text: unicodedata.normalize("NFKC", text),
        lambda tokenizer: tokenizer.normalization == "nfkc",
    ),
    ("--lowercase", str.lower, lambda tokenizer: tokenizer.lowercase),
)
_OTHER_TOKENIZERS = {
    "word": "a larger --vocabulary-size, or the tokenizer sentencepiece",
    "character": "the tokenizer byte, which knows every character",
    "wordpiece": "--byte-fallback, with which every text is known",
    "sentencepiece": "--byte-fallback, with which every text is known",
}


def report_unknown(name, texts, tokenizers, report):
    """Reports what the vocabularies do not know, if there is anything.

    Args:
        name: str. Name of the split.
        texts: list of str of each side, source first; there may be no second one.
        tokenizers: tokenizer of each side.
        report: function that tells the user one line.
    """
    for side, side_texts, tokenizer in zip(("source", "target"), texts, tokenizers, strict=False):
        ids = encode_all(side_texts, tokenizer.encode)
        unknown = ids.flat_values.numpy() == tokenizer.unknown_id
        if not unknown.any():
            continue
        rows = sorted(set(ids.value_rowids().numpy()[unknown].tolist()))
        some = [side_texts[row] for row in rows]
        examples = ", ".join(
            f"{_shown(unit)} ({count:,})"
            for unit, count in unknown_units(some, tokenizer).most_common(EXAMPLES)
        )
        share = unknown.mean()
        advice = f" Try {_advice(some, tokenizer, unknown.sum())}." if share >= MANY else ""
        report(
            f"{name}: {share:.2%} of the {side} tokens are unknown to the vocabulary, "
            f"most often {examples}.{advice}"
        )


def unknown_units(texts, tokenizer):
    """How often each word or character that a tokenizer does not know occurs, as a `Counter`.

    Args:
        texts: list of str.
        tokenizer: of words or pieces of words: words are counted; of others: characters.
    """
    texts = [text.decode() for text in tokenizer.normalize(texts).numpy()]
    if tokenizer.kind not in ("word", "wordpiece"):
        counts = Counter(character for text in texts for character in text)
        return _only(counts, _has_unknown(list(counts), tokenizer))
    joined = getattr(tokenizer, "split_punctuation", True)
    words = (split_words if joined else split_at_spaces)(texts)
    counts = Counter(word.decode() for word in words.flat_values.numpy().tolist())
    # A word that joins the one before it is another one than the same word after a space.
    prefixes = ["." if joined and _joins(word) else "" for word in counts]
    in_text = [
        prefix + (word.removeprefix(JOINER) if prefix else word)
        for prefix, word in zip(prefixes, counts, strict=True)
    ]
    unknown = _has_unknown(in_text, tokenizer, [len(prefix) for prefix in prefixes])
    plain = Counter()
    for word, count in _only(counts, unknown).items():
        plain[word.removeprefix(JOINER) if joined and _joins(word) else word] += count
    return plain


def _joins(word):
    return word.startswith(JOINER) and word != JOINER


def _only(counts, chosen):
    rows = zip(counts.items(), chosen, strict=True)
    return Counter({unit: count for (unit, count), keep in rows if keep})


def _has_unknown(texts, tokenizer, skipped=None):
    """Whether each text has unknown tokens, behind some of its first ones."""
    skipped = skipped or [0] * len(texts)
    rows = encode_all(texts, tokenizer.encode).to_list()
    return [tokenizer.unknown_id in row[skip:] for row, skip in zip(rows, skipped, strict=True)]


def _advice(texts, tokenizer, unknown):
    """What to try: a form of the text in which half of it is known, or another vocabulary."""
    other = _OTHER_TOKENIZERS.get(tokenizer.kind, "the tokenizer byte, which knows every text")
    for flag, change, is_done in _FORMS:
        if not is_done(tokenizer):
            ids = encode_all(list(map(change, texts)), tokenizer.encode).flat_values.numpy()
            if 2 * (ids == tokenizer.unknown_id).sum() <= unknown:
                return f"{flag}, which makes half of them known or more; or {other}"
    return other


def _shown(unit):
    """A word as it is; a character that may not be seen, or not be told from another, by number."""
    number = f" U+{ord(unit):04X}" if len(unit) == 1 and not unit.isalnum() else ""
    return f"{unit!r}{number}"
