"""The one place that names endpoints, inputs, outputs and dynamic axes of exported files."""

import inspect

import tensorflow as tf

from keras_attention.translator import LENGTH_STEP

from .errors import BundleError

TEXT = "text"
SCORE = "score"
SOURCE_TOKENS = "source_tokens"
TARGET_TOKENS = "target_tokens"
ALIGNMENT = "alignment"
TOKEN_SCORES = "token_scores"
FINISHED = "finished"

NO_SCORE = -1e30  # Of a hypothesis that does not exist: the search found fewer than were asked.

SOURCE_IDS = "source_ids"
IDS = "ids"
SCORES = "scores"
LENGTHS = "lengths"
ALIGNMENTS = "alignments"

SERVE, EXPLAIN, NBEST, SEARCH = "serving_default", "explain", "nbest", "search"

SIGNATURES = {
    SERVE: {
        "inputs": {TEXT: "string[batch]"},
        "outputs": {TEXT: "string[batch]", SCORE: "float32[batch]"},
    },
    EXPLAIN: {
        "inputs": {TEXT: "string[batch]"},
        "outputs": {
            TEXT: "string[batch]",
            SCORE: "float32[batch]",
            SOURCE_TOKENS: "string[batch, source]",
            TARGET_TOKENS: "string[batch, target]",
            ALIGNMENT: "float32[batch, target, source]",
            TOKEN_SCORES: "float32[batch, target]",
            FINISHED: "bool[batch]",
        },
    },
    NBEST: {
        "inputs": {TEXT: "string[batch]"},
        "outputs": {
            TEXT: "string[batch, n]",
            SCORE: "float32[batch, n]",
            FINISHED: "bool[batch, n]",
        },
    },
    SEARCH: {
        "inputs": {SOURCE_IDS: "int32[batch, source]"},
        "outputs": {
            IDS: "int32[batch, beams, target]",
            SCORES: "float32[batch, beams]",
            LENGTHS: "int32[batch, beams]",
            ALIGNMENTS: "float32[batch, beams, target, source]",
            TOKEN_SCORES: "float32[batch, beams, target]",
        },
    },
}

# What the files of an older version lack.
NEWER_OUTPUTS = {TOKEN_SCORES, FINISHED}


def check_ports(file, endpoint, inputs, outputs):
    """Compares the inputs and outputs of a file's endpoint with `SIGNATURES`.

    Args:
        file: path of the file, for the message of an error.
        endpoint: str.
        inputs, outputs: collections of the names that are there, or None where there is no such
            endpoint.

    Raises:
        BundleError: one is missing that no version left out.
    """
    if inputs is None:
        raise BundleError(f"{file} has no endpoint {endpoint}: it is not a file of this package.")
    expected = SIGNATURES[endpoint]
    required = set(expected["outputs"]) - NEWER_OUTPUTS
    for kind, names, there in (
        ("input", expected["inputs"], inputs),
        ("output", sorted(required), outputs),
    ):
        missing = [name for name in names if name not in there]
        if missing:
            raise BundleError(
                f"The endpoint {endpoint} of {file} has no {kind} {missing[0]}: "
                "it is not a file of this package."
            )


def check_signatures(file, signatures):
    """Compares what a manifest says of endpoints with `SIGNATURES`.

    Args:
        file: path of the manifest, for the message of an error.
        signatures: dict, as the manifest has it.

    Raises:
        BundleError: they are those of no version.
    """
    for endpoint, expected in SIGNATURES.items():
        recorded = signatures.get(endpoint, {"inputs": None, "outputs": None})
        check_ports(file, endpoint, recorded["inputs"], recorded["outputs"])
        for kind in ("inputs", "outputs"):
            for name, port in recorded[kind].items():
                named = isinstance(port, list) and name in expected[kind]  # As 0.1 wrote them.
                if not named and port != expected[kind].get(name):
                    raise BundleError(
                        f"{file} says that {name} of the endpoint {endpoint} is {port!r}: "
                        f"expected {expected[kind].get(name, 'no such name')!r}."
                    )


def axes(endpoint, name):
    """Names of the axes of an input or output, such as `["batch", "source"]`."""
    ports = SIGNATURES[endpoint]["inputs"] | SIGNATURES[endpoint]["outputs"]
    return ports[name].split("[")[1].removesuffix("]").split(", ")


TEXT_SPEC = tf.TensorSpec([None], tf.string, name=TEXT)
SOURCE_IDS_SPEC = tf.TensorSpec([None, None], tf.int32, name=SOURCE_IDS)


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


def _finished(found):
    """Whether what a search found ended by itself: it exists, and has a token less than it may."""
    exists = found[SCORES] > NO_SCORE / 2
    return exists & (found[LENGTHS] < tf.shape(found[IDS])[-1])  # (batch, beams)


class ServedTranslator(tf.Module):
    """A translator as graph functions: what a SavedModel is made of.

    It tracks the bare TensorFlow variables, not Keras' wrappers around them: tracking both would
    store every weight twice (keras issue #23553). The model is reached through closures only.

    Args:
        translator: `keras_attention.Translator`, on the TensorFlow backend.
        jit_compile: bool. Whether XLA compiles the searches; see `search_function`.
    """

    def __init__(self, translator, jit_compile=False):
        super().__init__(name="translator")
        self.source_tokenizer = translator.source_tokenizer
        self.target_tokenizer = translator.target_tokenizer
        self.model_variables = [weight.value for weight in translator.model.weights]
        self.max_source_length = translator.max_source_length
        self.pad_id = translator.model.pad_id
        self.end_id = translator.model.end_id
        search, every = translator.search, translator.search.all_beams()
        options = jit_compile, translator.max_source_length
        self.find = search_function(translator.model, search, *options)
        self.find_texts = search_function(translator.model, search, *options, with_alignments=False)
        self.find_all = self.find_texts
        if every is not search:
            self.find_all = search_function(
                translator.model, every, *options, with_alignments=False
            )

    @property
    def endpoints(self):
        """Concrete functions by the name of their endpoint."""
        return {
            SERVE: self.serve.get_concrete_function(),
            EXPLAIN: self.explain.get_concrete_function(),
            NBEST: self.nbest.get_concrete_function(),
            SEARCH: self.find.get_concrete_function(),
        }

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def serve(self, text):
        """The translation of each text, and its score."""
        batch = tf.shape(text)[0]
        _, found = self._translate(text, self.find_texts)
        return {
            TEXT: self.target_tokenizer.decode(found[IDS][:batch, 0]),  # (batch,)
            SCORE: found[SCORES][:batch, 0],  # (batch,)
        }

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def nbest(self, text):
        """All hypotheses that the search keeps of each text, best first, with their scores."""
        batch = tf.shape(text)[0]
        _, found = self._translate(text, self.find_all)
        return {
            TEXT: self.target_tokenizer.decode(found[IDS][:batch]),  # (batch, n)
            SCORE: found[SCORES][:batch],  # (batch, n)
            FINISHED: _finished(found)[:batch],  # (batch, n)
        }

    @tf.function(input_signature=[TEXT_SPEC], autograph=False)
    def explain(self, text):
        """Translation, score, tokens padded with `""`, and alignment of each text."""
        batch = tf.shape(text)[0]
        source_ids, found = self._translate(text, self.find)
        ids, lengths = found[IDS][:batch, 0], found[LENGTHS][:batch, 0]
        longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        return {
            TEXT: self.target_tokenizer.decode(ids),  # (batch,)
            SCORE: found[SCORES][:batch, 0],  # (batch,)
            SOURCE_TOKENS: self.source_tokenizer.tokens(source_ids[:batch]),  # (batch, source)
            TARGET_TOKENS: self.target_tokenizer.tokens(ids[:, :longest]),  # (batch, target)
            ALIGNMENT: found[ALIGNMENTS][:batch, 0, :longest],  # (batch, target, source)
            TOKEN_SCORES: found[TOKEN_SCORES][:batch, 0, :longest],  # (batch, target)
            FINISHED: _finished(found)[:batch, 0],  # (batch,)
        }

    def _translate(self, text, find):
        """Source ids and what the search finds, with at least one row of each."""
        nobody = tf.cast(tf.equal(tf.shape(text)[0], 0), tf.int32)
        text = tf.concat([text, tf.fill([nobody], "")], axis=0)  # No loop likes an empty batch.
        rows = self.source_tokenizer.encode(text)  # (batch, None)
        lengths = tf.cast(rows.row_lengths(), tf.int32) + 1  # (batch,)
        with tf.control_dependencies([self._check_lengths(lengths)]):
            ends = tf.fill([tf.shape(lengths)[0], 1], self.end_id)
            source_ids = tf.concat([rows, ends], axis=1).to_tensor(self.pad_id)  # (batch, source)
        return source_ids, find(source_ids)

    def _check_lengths(self, lengths):
        position = tf.argmax(lengths, output_type=tf.int32)
        sentence = tf.strings.format(
            f"Text {{}} has {{}} tokens with the end token; this model takes at most "
            f"{self.max_source_length}.",
            (position + 1, lengths[position]),
        )
        return tf.debugging.Assert(lengths[position] <= self.max_source_length, [sentence])
