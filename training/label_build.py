"""The tokenizer, codecs and model that a labelling recipe describes."""

from keras_attention import models
from keras_attention.codecs import LabelsAndTags

from .build import make_recurrent_encoder, stack_settings, train_tokenizer


def make_codecs(options, examples):
    """The tokenizer of texts, and the codec of their labels and tags, learned from training texts.

    Args:
        options: `LabelTextOptions`.
        examples: `LabelledTexts`.

    Returns:
        A tokenizer, and a `LabelsAndTags`.
    """
    tokenizer = train_tokenizer(options.source_tokenizer, examples.texts, options)
    return tokenizer, LabelsAndTags.train(examples, scheme=options.tag_scheme)


def make_label_model(options, fit, vocabulary_size, target):
    """`EncoderModel` with a head for labels, for tags, or for both.

    Args:
        options: options of an encoder, such as `RecurrentEncoderOptions`.
        fit: `FitOptions`.
        vocabulary_size: int. That of the texts.
        target: `LabelsAndTags`.
    """
    encoder, width = make_encoder(options)
    heads = {}
    if target.labels is not None:
        heads["labels"] = models.ClassificationHead(
            num_labels=len(target.labels.names),
            dropout=options.dropout,
            label_smoothing=fit.label_smoothing,
        )
    if target.tags is not None:
        heads["tags"] = models.TaggingHead(
            num_tags=len(target.tags.names),
            crf=options.crf,
            words=True,
            allowed=None if target.tags.scheme == "plain" else target.tags.allowed(),
        )
    return models.EncoderModel(
        encoder,
        heads if len(heads) > 1 else next(iter(heads.values())),
        source_vocabulary_size=vocabulary_size,
        embedding_dim=width,
        # A recurrent encoder drops features of its annotations itself. Twice at a rate of 0.5 would
        # leave a quarter of them.
        dropout=0.0 if options.model == "recurrent" else options.dropout,
    )


def make_encoder(options):
    """The encoder of `CommonEncoderOptions`, and the width of its embeddings."""
    if options.model == "embeddings":
        return None, options.embedding_dim
    if options.model == "recurrent":
        return make_recurrent_encoder(options), options.embedding_dim
    size = dict(models.TRANSFORMER_SIZES[options.model.removeprefix("transformer-")])
    width = size.pop("width")
    return models.TransformerEncoder(**size, **stack_settings(options)), width
