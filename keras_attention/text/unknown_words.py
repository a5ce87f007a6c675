"""Unknown words of a translation, replaced through the alignment.

A model with a vocabulary of words says `<unk>` for all others. What it looked at when it said so
tells which word of the source is meant: its translation is looked up, or the word itself is copied,
as names and numbers are best (Luong et al., 2015, section 3.3, where the alignment is a part of the
vocabulary; here it is the attention).

Reference:
    Luong et al., 2015: Addressing the rare word problem in neural machine translation
    (https://arxiv.org/abs/1410.8206).
"""

import warnings

import numpy as np

from keras_attention.errors import UserError
from keras_attention.text.unknown_parts import listed
from keras_attention.text.words import JOINER, join_words, split_at_spaces, split_words


class UnknownWords:
    """What replaces unknown words, for two word tokenizers.

    Args:
        source_tokenizer, target_tokenizer: `WordTokenizer`.
        dictionary: dict of target word by source word, both as `str`; source words are read as the
            tokenizer reads texts (its case and normalisation). A word that is not in it is copied.
            Of a source word that no text can hold, such as one with a space, a warning tells.

    Raises:
        UserError: a tokenizer is not one of words.

    Example:

    >>> from keras_attention.text import WordTokenizer
    >>> tokenizer = WordTokenizer.train(["the end of"])
    >>> unknown_words = UnknownWords(tokenizer, tokenizer, {"Wien": "Vienna"})
    >>> ids = tokenizer.encode(["the end of Vienna"]).numpy()[0]
    >>> tokens = unknown_words.tokens("Ende von Wien", ids, np.eye(4)[[0, 0, 1, 2]])
    >>> unknown_words.text(ids, tokens)
    'the end of Vienna'
    """

    def __init__(self, source_tokenizer, target_tokenizer, dictionary=None):
        for tokenizer in (source_tokenizer, target_tokenizer):
            if tokenizer.kind != "word":
                raise UserError(
                    "Unknown words are replaced for two tokenizers of the kind 'word'. "
                    f"Received: kind={tokenizer.kind!r}"
                )
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self.dictionary = self._as_read(dictionary or {})

    def _as_read(self, dictionary):
        """The dictionary, its source words as the tokenizer reads them in a text."""
        read = {word: self._source_words(word) for word in dictionary}
        unusable = [word for word, words in read.items() if len(words) != 1]
        if unusable:
            warnings.warn(
                "The dictionary of unknown words has what no text holds as one word: "
                f"{listed(unusable)}.",
                stacklevel=5,
            )
        return {words[0]: dictionary[word] for word, words in read.items() if len(words) == 1}

    def tokens(self, text, ids, alignment):
        """The tokens of a translation, each unknown one replaced.

        Args:
            text: str. What was translated.
            ids: int array `(target,)` of the translation, without padding.
            alignment: float array `(target, source)`; its first columns are the words of `text`.

        Returns:
            List of str. A replaced word stands apart from the one before it, or not ("##"), as the
            word of the source does.
        """
        tokens = [token.decode() for token in self.target_tokenizer.tokens(np.asarray(ids)).numpy()]
        words = self._source_words(text)
        for place in np.flatnonzero(np.asarray(ids) == self.target_tokenizer.unknown_id):
            if words:
                tokens[place] = self._translated(words[np.argmax(alignment[place, : len(words)])])
        return tokens

    def text(self, ids, tokens):
        """The text of a translation.

        Args:
            ids: int array `(target,)`, as for `tokens`.
            tokens: list of str, as `tokens` returned it.

        Returns:
            str.
        """
        special = (self.target_tokenizer.pad_id, self.target_tokenizer.start_id)
        words = [
            "" if index in special else token for index, token in zip(ids, tokens, strict=True)
        ]
        joiner = JOINER if self.target_tokenizer.split_punctuation else None
        return join_words([words], joiner)[0].numpy().decode() if words else ""

    def _source_words(self, text):
        split = split_words if self.source_tokenizer.split_punctuation else split_at_spaces
        words = split(self.source_tokenizer.normalize([text]))
        return [word.decode() for word in words.flat_values.numpy().tolist()]

    def _translated(self, word):
        """A word of the source in the target language, joined to what is before it as it was."""
        joined = self.source_tokenizer.split_punctuation and word.startswith(JOINER)
        plain = word[len(JOINER) :] if joined else word
        plain = self.dictionary.get(plain, plain)
        # Without joiners in the target, "##" would be shown.
        return JOINER + plain if joined and self.target_tokenizer.split_punctuation else plain


def check_unknown(unknown):
    """`unknown` as `Translator` takes it, or a `UserError`.

    Args:
        unknown: `"keep"`, `"copy"` or a dict of str by str.
    """
    words = isinstance(unknown, dict) and all(
        isinstance(word, str) for pair in unknown.items() for word in pair
    )
    if not words and unknown not in ("keep", "copy"):
        raise UserError(
            'Expected `unknown` to be "keep", "copy" or a dict of target word by source word. '
            f"Received: unknown={unknown!r}"
        )
    return unknown
