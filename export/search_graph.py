"""The search of a model as a graph function: what both exported files have inside."""

import inspect

import tensorflow as tf

from keras_attention.predictors.rows import LENGTH_STEP

from .signatures import (
    ALIGNMENTS,
    IDS,
    LENGTHS,
    SCORES,
    SEARCH,
    SOURCE_IDS,
    TOKEN_SCORES,
    TRANSLATION,
)


def input_spec(endpoint, name):
    """The `tf.TensorSpec` of an input."""
    port = TRANSLATION.endpoints[endpoint].inputs[name]
    return tf.TensorSpec([None] * len(port.axes), port.dtype, name=name)


SOURCE_IDS_SPEC = input_spec(SEARCH, SOURCE_IDS)


def search_function(model, search, jit_compile=False, max_source_length=None, with_alignments=True):
    """A traceable function from source ids to what a search finds.

    A row without any token (only the end and padding) gets no tokens and the score 0.

    Args:
        model: model with `generate(source, search)`, such as `keras_attention.models.Seq2Seq`.
        search: a search of `keras_attention.decoding`.
        jit_compile: bool. Whether XLA compiles it, once for each shape: batches are filled up to a
            power of two and sources to a multiple of `LENGTH_STEP`, so that there are few.
        max_source_length: int. Ids a source may have, which it is not filled up beyond.
        with_alignments: bool. Whether the outputs have alignments. If not, none are computed, where
            the model and the search know the argument `return_alignments`.

    Returns:
        A `tf.function` with the inputs and outputs of the endpoint `search`.
    """
    leaves_out = not with_alignments and _may_leave_out_alignments(model, search)
    options = {"return_alignments": False} if leaves_out else {}

    @tf.function(input_signature=[SOURCE_IDS_SPEC], autograph=False, jit_compile=jit_compile)
    def find(source_ids):
        result = model.generate(source_ids, search, **options)
        token = (source_ids != model.pad_id) & (source_ids != model.end_id)  # (batch, source)
        speaks = tf.reduce_any(token, axis=1)[:, None]  # (batch, 1)
        found = {
            IDS: tf.where(speaks[..., None], result.ids, model.pad_id),
            SCORES: tf.where(speaks, result.scores, 0.0),
            LENGTHS: tf.where(speaks, result.lengths, 0),
            TOKEN_SCORES: tf.where(speaks[..., None], result.token_scores, 0.0),
        }
        if with_alignments:
            found[ALIGNMENTS] = tf.where(speaks[..., None, None], result.alignments, 0.0)
        return found

    return _in_few_shapes(find, model, max_source_length) if jit_compile else find


def _may_leave_out_alignments(model, search):
    """Whether both know the argument, which models and searches of one's own need not."""
    calls = inspect.signature(model.generate), inspect.signature(search)
    return all("return_alignments" in call.parameters for call in calls)


def _in_few_shapes(find, model, max_source_length):
    """The same function, called with few shapes."""

    @tf.function(input_signature=[SOURCE_IDS_SPEC], autograph=False)
    def find_in_few_shapes(source_ids):
        batch, length = tf.unstack(tf.shape(source_ids))
        found = find(filled_up(source_ids, model.pad_id, model.end_id, max_source_length))
        found = {name: output[:batch] for name, output in found.items()}
        if ALIGNMENTS in found:
            found[ALIGNMENTS] = found[ALIGNMENTS][..., :length]
        return found

    return find_in_few_shapes


def filled_up(source_ids, pad_id, end_id, max_length=None):
    """Sources in one of few shapes.

    Args:
        source_ids: int32 tensor `(batch, source)`.
        pad_id, end_id: int. The special ids.
        max_length: int. What no source is filled up beyond.

    Returns:
        int32 tensor, the sources and copies of the first: a power of two of rows, as long as a
        multiple of `LENGTH_STEP`, or as `max_length`.
    """
    batch, length = tf.unstack(tf.shape(source_ids))
    whole = tf.maximum(-(-length // LENGTH_STEP), 1) * LENGTH_STEP
    if max_length is not None:
        whole = tf.maximum(tf.minimum(whole, max_length), length)
    source_ids = tf.pad(source_ids, [[0, 0], [0, whole - length]], constant_values=pad_id)
    powers = tf.constant([2**exponent for exponent in range(31)])
    rows = tf.reduce_min(tf.boolean_mask(powers, powers >= batch))
    # Copies of the first row, which the search has done with when it has done with that.
    nothing = tf.fill([1, tf.shape(source_ids)[1]], end_id)
    first = tf.concat([source_ids, nothing], axis=0)[:1]
    return tf.concat([source_ids, tf.repeat(first, rows - batch, axis=0)], axis=0)
