"""Words of a text, its tokens, and values that go from one to the other.

The words of a text are what stands between single spaces, `text.split(" ")`. A tokenizer's
`word_numbers` says which word each token begins; a word that the tokenizer drops, such as the empty
one between two spaces, has no token.
"""

import tensorflow as tf

from keras_attention.text.inputs import as_strings


def word_offsets(text):
    """Where the words of a text begin and end, in characters.

    Args:
        text: str.

    Returns:
        List of `(begin, end)`, one for each of `text.split(" ")`.

    Example:

    >>> word_offsets("to  York")
    [(0, 2), (3, 3), (4, 8)]
    """
    offsets, begin = [], 0
    for word in text.split(" "):
        offsets.append((begin, begin + len(word)))
        begin += len(word) + 1
    return offsets


def words_to_tokens(values, word_numbers, default=-1):
    """Values of words, each at the token that begins the word.

    Args:
        values: `tf.RaggedTensor` of shape `(batch, None)`, one value a word, such as
            `Tags.encode` returns.
        word_numbers: int32 `tf.RaggedTensor` of shape `(batch, None)`, as a tokenizer returns it.
        default: what tokens have that begin no word.

    Returns:
        A `tf.RaggedTensor` of shape `(batch, None)`, one value a token.

    Raises:
        tf.errors.InvalidArgumentError: a text has more words than values.

    Example: the word "to" has two tokens, and an end token follows.

    >>> tags = tf.ragged.constant([[5, 7]])
    >>> words_to_tokens(tags, tf.ragged.constant([[0, -1, 1, -1]])).to_list()
    [[5, -1, 7, -1]]
    """
    numbers = tf.cast(word_numbers.flat_values, tf.int64)
    rows = word_numbers.value_rowids()
    check = tf.debugging.assert_less(
        numbers, tf.gather(values.row_lengths(), rows), "A text has more words than values."
    )
    with tf.control_dependencies([check] if check is not None else []):
        places = tf.gather(values.row_starts(), rows) + tf.maximum(numbers, 0)
    default = tf.cast(default, values.dtype)
    flat = tf.concat([values.flat_values, [default]], 0)  # There may be no value at all.
    begins = numbers >= 0
    taken = tf.gather(flat, tf.where(begins, places, 0))
    return word_numbers.with_flat_values(tf.where(begins, taken, default))


def tokens_to_words(values, word_numbers, texts, default):
    """The value of each word: that of the token that begins it.

    Args:
        values: tensor of shape `(batch, tokens)`, one value a token, such as the ids of tags.
        word_numbers: int32 `tf.RaggedTensor` of shape `(batch, None)`, as a tokenizer returns it
            for the texts. No row has more tokens than `values`.
        texts: strings of shape `(batch,)`.
        default: what words have that no token begins.

    Returns:
        A `tf.RaggedTensor` of shape `(batch, None)`, one value for each of `text.split(" ")`.

    Example: two spaces have an empty word between them.

    >>> numbers = tf.ragged.constant([[0, -1, 2, -1]])
    >>> tokens_to_words(tf.constant([[5, 6, 7, 8]]), numbers, ["to  York"], default=0).to_list()
    [[5, 0, 7]]
    """
    words = tf.strings.split(as_strings(texts), " ")
    numbers = word_numbers.to_tensor(-1)  # (batch, tokens)
    kept = tf.where(numbers >= 0)  # (kept, 2)
    places = tf.gather(words.row_starts(), kept[:, 0])
    places += tf.cast(tf.gather_nd(numbers, kept), tf.int64)
    flat = tf.fill(tf.shape(words.flat_values), tf.cast(default, values.dtype))
    flat = tf.tensor_scatter_nd_update(flat, places[:, None], tf.gather_nd(values, kept))
    return words.with_flat_values(flat)
