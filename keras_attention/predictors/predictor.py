"""Raw things in, answers out: an engine between two codecs."""

import numpy as np

from keras_attention.errors import UserError
from keras_attention.predictors.loading import predictor_class, predictor_folder
from keras_attention.predictors.rows import Found, pad, pad_to_step, too_long
from keras_attention.predictors.saving import Saved
from keras_attention.translations import Explanation, Hypothesis


class Predictor(Saved):
    """Answers to raw things: what an engine finds for their ids, decoded.

    Inputs are sorted by length, batched, and padded to few shapes; one that is longer than the
    model takes is an error, never cut.

    Args:
        engine: function `(source_ids) -> SearchResult` of NumPy arrays, with `source_ids` int32
            `(batch, source)`: a Keras model, or a file.
        source: codec of what comes in, such as a tokenizer of `keras_attention.text`.
        target: codec of what comes out.
        max_source_length: Integer. Tokens an input may have, the end token included.
        batch_size: Integer. Inputs computed at a time.

    Attributes:
        rejection: dict with `threshold` and `quantile`, as an evaluation recorded it; None where
            none is recorded.
        why_no_rejection: str. One sentence, where one is recorded that is not of this predictor.

    Call arguments:
        inputs: list of str, or one str.

    Output:
        List of str, or one str.
    """

    rejection = None
    why_no_rejection = None

    def __init__(self, engine, source, target, max_source_length=512, batch_size=64):
        self.engine = engine
        self.source = source
        self.target = target
        self.max_source_length = max_source_length
        self.batch_size = batch_size

    def __call__(self, inputs):
        return self._answers(self.texts_of, inputs)

    @classmethod
    def load(cls, folder):
        """What `save` wrote; called on `Predictor` itself, a predictor of whatever class it was.

        Args:
            folder: path of the folder; on `Predictor` itself, of a run directory too.

        Raises:
            UserError: the folder is missing, damaged, or of something else.
        """
        if cls is not Predictor:
            return super().load(folder)
        folder = predictor_folder(folder)
        return predictor_class(folder).load(folder)

    def explain(self, inputs):
        """Answers with scores, tokens and alignments.

        Args:
            inputs: list of str, or one str.

        Returns:
            List of `Explanation`, or one.
        """
        return self._answers(self.explanations, inputs)

    def nbest(self, inputs):
        """All hypotheses that the engine kept, best first.

        Args:
            inputs: list of str, or one str.

        Returns:
            For each input a list of `keras_attention.Hypothesis`, pairs `(text, score)` that know
            whether they are `finished`; or one such list for one str.
        """
        return self._answers(self.hypotheses, inputs)

    def predict(self, inputs):
        """The answer to each input, and why.

        Args:
            inputs: list of str.

        Returns:
            List of `Explanation`.

        Raises:
            UserError: an input has more tokens than the model takes.
        """
        return self.explain(list(inputs))

    def too_long(self, inputs):
        """The inputs that have more tokens than the model takes.

        Args:
            inputs: list of str.

        Returns:
            Dict of phrases by position, such as `"has 18 tokens with the end token; ..."`.
        """
        lengths = [len(row) for row in self.encoded(inputs)]
        limit = self.max_source_length
        return {place: too_long(n, limit) for place, n in enumerate(lengths) if n > limit}

    def _answers(self, make, inputs):
        """What `make` makes of what is found for inputs, or for one of them."""
        if isinstance(inputs, str):
            return make(self.find([inputs]))[0]
        return make(self.find(inputs))

    # From inputs to what an engine finds, and from that to answers -----------------------

    def find(self, inputs):
        """What the engine finds for each input; `explanations` and `hypotheses` decode it.

        Args:
            inputs: list of str.

        Returns:
            List of `Found`.
        """
        inputs = list(inputs)
        return self.compute(self.engine, inputs, self.source_ids(inputs))

    def compute(self, engine, inputs, source_ids, **more):
        """What an engine finds for each input, in the order given.

        Rows of like length share a batch.

        Args:
            engine: function, see the class.
            inputs: list of str.
            source_ids: list of int arrays, the ids of each.
            **more: further arguments of the engine, each a pair: a list of int sequences, one an
                input, and the most ids that one may have.

        Returns:
            List of `Found`.
        """
        order = np.argsort([len(row) for row in source_ids], kind="stable")
        arguments = {"source": (source_ids, self.max_source_length), **more}
        found = [None] * len(inputs)
        for begin in range(0, len(inputs), self.batch_size):
            places = order[begin : begin + self.batch_size]
            batch = {
                name: pad_to_step([rows[place] for place in places], limit)
                for name, (rows, limit) in arguments.items()
            }
            result = engine(batch.pop("source"), **batch)
            for row, place in enumerate(places):
                fields = (None if field is None else field[row] for field in result)
                found[place] = Found(inputs[place], source_ids[place], type(result)(*fields))
        return found

    def source_ids(self, inputs):
        """Ids of each input, the end token included.

        Args:
            inputs: list of str.

        Returns:
            List of int32 arrays.

        Raises:
            UserError: an input has more tokens than the model takes.
        """
        rows = self.encoded(inputs)
        for number, row in enumerate(rows, start=1):
            if len(row) > self.max_source_length:
                raise UserError(f"Text {number} {too_long(len(row), self.max_source_length)}")
        return rows

    def encoded(self, inputs):
        """Ids of each input, however long, the end token included: see `source_ids`."""
        inputs = list(inputs)
        for number, text in enumerate(inputs, start=1):
            if not isinstance(text, str):
                raise UserError(f"Text {number} must be a string. Received: {text!r}")
        if not inputs:
            return []
        rows = self.source.encode_source(inputs).to_list()
        return [np.asarray(row, "int32") for row in rows]

    def texts_of(self, found):
        """The best answer to each input.

        Args:
            found: list of `Found`.

        Returns:
            List of str.
        """
        if not found:
            return []
        decoded = self._decode(pad([row.result.ids[0] for row in found]))
        return [
            "" if row.is_empty else self._shown(row, 0, text)[0]
            for row, text in zip(found, decoded, strict=True)
        ]

    def explanations(self, found):
        """The best answer to each input, and why.

        Args:
            found: list of `Found`.

        Returns:
            List of `Explanation`.
        """
        if not found:
            return []
        decoded = self._decode(pad([row.result.ids[0] for row in found]))
        ids = [np.asarray(row.result.ids[0, : row.length()], "int32") for row in found]
        source_tokens = self._tokens(self.source, [row.source_ids for row in found])
        target_tokens = self._tokens(self.target, ids)
        rows = zip(found, decoded, ids, source_tokens, target_tokens, strict=True)
        return [self._explanation(*row) for row in rows]

    def _explanation(self, found, text, ids, source_tokens, target_tokens):
        result, length = found.result, found.length()
        text, target_tokens = (
            ("", []) if found.is_empty else self._shown(found, 0, text, target_tokens)
        )
        scores = result.token_scores
        return Explanation(
            text=text,
            score=0.0 if found.is_empty else float(result.scores[0]),
            source_tokens=source_tokens,
            target_tokens=target_tokens,
            alignment=np.asarray(result.alignments[0, :length, : len(found.source_ids)]),
            token_scores=None if scores is None else np.asarray(scores[0, :length]),
            finished=found.is_empty or bool(result.finished[0]),
            ids=ids,
        )

    def hypotheses(self, found):
        """The texts and scores of all hypotheses that were found for each input, best first.

        Args:
            found: list of `Found`.

        Returns:
            List of lists of `Hypothesis`.
        """
        rows = []
        for row in found:
            result = row.result
            if row.is_empty:
                rows.append([Hypothesis("", 0.0)] * len(result.ids))
                continue
            decoded = self._decode(result.ids)
            rows.append(
                [
                    Hypothesis(
                        text=self._shown(row, beam, decoded[beam])[0],
                        score=float(result.scores[beam]),
                        finished=bool(result.finished[beam]),
                    )
                    for beam in np.flatnonzero(result.exists)
                ]
            )
        return rows

    def _shown(self, found, beam, text, tokens=()):
        """Text and tokens of a hypothesis as they are shown."""
        return text, tokens

    def _decode(self, ids):
        return [text.decode() for text in self.target.decode(np.asarray(ids)).numpy()]

    def _tokens(self, codec, rows):
        """The names of the ids of each row, a list of lists of str."""
        flat = np.concatenate([np.asarray(row, "int32") for row in rows])
        names = [token.decode() for token in codec.tokens(flat).numpy()]
        ends = np.cumsum([len(row) for row in rows])
        return [names[end - len(row) : end] for row, end in zip(rows, ends, strict=True)]
