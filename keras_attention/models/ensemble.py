"""Several models that decide together."""

import keras
from keras import ops

from keras_attention.layers.base.rematerialized import RematerializedByParts
from keras_attention.models.generation import generate

SHARED = (
    "source_vocabulary_size",
    "target_vocabulary_size",
    "source_features",
    "pad_id",
    "start_id",
    "end_id",
)


@keras.saving.register_keras_serializable("keras_attention")
class Ensemble(RematerializedByParts, keras.Model):
    """Mean of the logits of several models, which may be of different kinds and sizes.

        logits = 1 / n * sum_i logits_i,    P(y) ~ (prod_i P_i(y)) ** (1 / n)

    Averaging logits and averaging log-probabilities give the same distribution, the renormalised
    geometric mean: a model's logits and log-probabilities differ by one number a row. Alignments
    are averaged too. The same protocol as `Seq2Seq`, so every search, `CompiledSearch`,
    `Translator` and the exports take it. To be trained, each model is trained by itself.

    Args:
        models: list of `Seq2Seq` or ensembles, with the same vocabularies and special ids.
        **kwargs: Keyword arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: as for `Seq2Seq`.
        training: bool. Whether dropout is active.

    Output:
        float32 logits `(batch, target, target_vocabulary_size)`.

    Example:

    >>> def make():
    ...     return keras_attention.models.Seq2Seq(
    ...         keras_attention.models.RecurrentEncoder(units=8),
    ...         keras_attention.models.ParallelDecoder(units=8),
    ...         source_vocabulary_size=11, target_vocabulary_size=13)
    >>> ensemble = keras_attention.models.Ensemble([make(), make()])
    >>> search = keras_attention.decoding.Beam(width=2, n_best=2, max_length=5)
    >>> tuple(ensemble.generate(np.array([[4, 5, 3]], "int32"), search).ids.shape)
    (1, 2, 5)
    """

    def __init__(self, models, **kwargs):
        models = list(models)
        _check(models)
        super().__init__(**kwargs)
        self.models = models
        for name in SHARED:
            setattr(self, name, getattr(models[0], name))
        self.built = True

    def call(self, inputs, training=None):
        logits = [model(inputs, training=training) for model in self.models]
        return _mean(logits)

    def encode(self, source, training=False, source_mask=None):
        """The memories of all models.

        Args:
            source, source_mask: as for `Seq2Seq`.
            training: bool. Whether dropout is active.

        Returns:
            A dict: `memories`, a list; `mask`, bool `(batch, source)`; and `start_id` where the
            models are `LanguageModel`s.
        """
        options = {} if source_mask is None else {"source_mask": source_mask}
        memories = [model.encode(source, training=training, **options) for model in self.models]
        shared = {name: memories[0][name] for name in ("mask", "start_id") if name in memories[0]}
        return {"memories": memories, **shared}

    def start(self, memory, max_length=None):
        """Decoder states before the first step.

        Args:
            memory: dict, as `encode` returns it.
            max_length: int. Steps that will be made at most.

        Returns:
            A list of nested structures of tensors, all with the batch as first axis.
        """
        return [
            model.start(one, max_length)
            for model, one in zip(self.models, memory["memories"], strict=True)
        ]

    def step(self, token_ids, state):
        """One step of decoding.

        Args:
            token_ids: int tensor `(batch,)`, the previous tokens; `start_id` at first.
            state: as `start` or the step before returned it.

        Returns:
            float32 logits `(batch, target_vocabulary_size)`, the new state, and the float32
            alignment over source positions `(batch, source)`.
        """
        steps = [model.step(token_ids, one) for model, one in zip(self.models, state, strict=True)]
        logits, states, alignments = zip(*steps, strict=True)
        return _mean(logits), list(states), _mean(alignments)

    def generate(self, source, search, prefix=None, return_alignments=True, source_mask=None):
        """Decodes a batch of sources.

        Args:
            source, source_mask: as for `Seq2Seq`.
            search: a search of `keras_attention.decoding`, such as `Beam(width=5)`.
            prefix: int tensor `(batch, prefix)`. Tokens each row begins with, padded with `pad_id`.
            return_alignments: bool. Whether the result holds alignments.

        Returns:
            `keras_attention.decoding.SearchResult` of tensors.
        """
        return generate(self, source, search, prefix, return_alignments, source_mask)

    def get_config(self):
        models = [keras.saving.serialize_keras_object(model) for model in self.models]
        return {"name": self.name, "models": models}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        models = [
            keras.saving.deserialize_keras_object(model, custom_objects=custom_objects)
            for model in config["models"]
        ]
        return cls(**{**config, "models": models})


def _mean(tensors):
    """The mean in float32, added up in the order given."""
    total = sum(ops.cast(tensor, "float32") for tensor in tensors)
    return total / len(tensors)


def _check(models):
    if not models:
        raise ValueError(f"Expected `models` to hold at least one model. Received: models={models}")
    for place, model in enumerate(models):
        if not all(hasattr(model, name) for name in (*SHARED, "encode", "start", "step")):
            raise ValueError(
                "Expected `models` to be `Seq2Seq` or ensembles. "
                f"Received: models[{place}]={type(model).__name__}"
            )
    for name in SHARED:
        values = [getattr(model, name) for model in models]
        if len(set(values)) > 1:
            raise ValueError(
                f"Expected models with the same `{name}`: an ensemble shares its vocabularies. "
                f"Received: {name}={values}"
            )
