"""Pictures of the attention weights of any Keras model, for TensorBoard."""

import keras
import numpy as np

from keras_attention.analysis.attention_weights import attention_weights
from keras_attention.analysis.layer_names import attention_layers, select
from keras_attention.layers import (
    Attention,
    ConvolutionalBlockAttention,
    GatedFusion,
    SpatialAttention,
    SqueezeExcite,
)
from keras_attention.visualization import alignment_image, word_weights_image

# Their weights are gates of channels and places, not of positions of a sequence.
GATES = (ConvolutionalBlockAttention, GatedFusion, SpatialAttention, SqueezeExcite)


class AttentionImages(keras.callbacks.Callback):
    """Draws what a model attends to, for the same few examples after each epoch, for TensorBoard.

    Each attention layer (see `attention_weights`) has a heatmap of keys across and queries down, a
    pooling its words on shades. TensorBoard shows them under "Images", with an epoch's slider.
    Needs TensorFlow and matplotlib, which are imported when the first picture is written.

    Args:
        log_dir: Path of TensorBoard's logs.
        inputs: The examples, as the model takes them: array, or list or dict of arrays.
        layers: Names of layers, or layers, as `attention_weights` takes them; all attention layers
            whose weights belong to the positions of a sequence if not given.
        tokens: A list of strings for each example, the names of its keys, and of its queries where
            `query_tokens` are not given. Positions behind the last name, padding, are not drawn.
            Without names, positions are numbered.
        query_tokens: A list of strings for each example, the names of its queries.
        heads: `"mean"` draws the mean of all heads, `"each"` one picture a head.

    Raises:
        ValueError: `heads` is another string; or, when the first picture is drawn, names do not
            fit the examples, or a layer named has weights that are no picture of this kind.

    Example:

    >>> import keras
    >>> from keras_attention import analysis, layers
    >>> x = keras.Input((3, 8))
    >>> attended = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    >>> model = keras.Model(x, keras.layers.Flatten()(attended))
    >>> model.compile(loss="mse")
    >>> images = analysis.AttentionImages("logs", np.ones((1, 3, 8)), tokens=[["a", "b", "c"]])
    >>> history = model.fit(
    ...     np.ones((4, 3, 8)), np.ones((4, 24)), callbacks=[images], verbose=0)
    """

    def __init__(self, log_dir, inputs, layers=None, tokens=None, query_tokens=None, heads="mean"):
        super().__init__()
        if heads not in ("mean", "each"):
            raise ValueError(f'Expected `heads` to be "mean" or "each". Received: heads={heads!r}')
        self.log_dir = str(log_dir)
        self.inputs = inputs
        self.layers = layers
        self.tokens = tokens
        self.query_tokens = tokens if query_tokens is None else query_tokens
        self.heads = heads

    def on_epoch_end(self, epoch, logs=None):
        """Writes one picture for each layer and example."""
        import tensorflow as tf

        writer = tf.summary.create_file_writer(self.log_dir)
        with writer.as_default():
            for name, image in self.pictures():
                tf.summary.image(name, image[None], step=epoch)
        writer.close()

    def pictures(self):
        """What is written after an epoch.

        Returns:
            A list of pairs: a name such as `"attention/0"`, of layer and example, and a uint8 array
            `(height, width, 4)`.
        """
        layers = self._layers()
        weights = attention_weights(self.model, self.inputs, list(layers.values()))
        pictures = []
        for name, arrays in weights.items():
            several = isinstance(arrays, tuple)
            for number, array in enumerate(arrays if several else [arrays]):
                title = f"{name}/{number}" if several else name
                layer = layers.get(name.partition(":")[0])
                layer = getattr(layer, "attention", layer)  # the one that a layer stands for
                is_one_head = isinstance(layer, Attention) and not layer._head_axis
                if is_one_head and array.ndim > 3:  # several axes of positions, and none of heads
                    raise _no_sequence(title, array.shape[1:])
                for example, of_example in enumerate(array):
                    pictures += self._draw(f"{title}/{example}", of_example, example)
        return pictures

    def _layers(self):
        chosen = select(attention_layers(self.model), self.layers, self.model)
        drawable = {n: layer for n, layer in chosen.items() if not isinstance(layer, GATES)}
        if not drawable or (self.layers is not None and len(drawable) < len(chosen)):
            raise ValueError(
                "Expected attention layers whose weights belong to positions of a sequence. "
                f"Received: layers={', '.join(chosen)}"
            )
        return drawable

    def _draw(self, name, weights, example):
        """Pictures of an example's weights `(key,)`, `(query, key)` or `(heads, query, key)`."""
        if weights.ndim > 3:
            raise _no_sequence(name, weights.shape)
        if weights.ndim == 3 and self.heads == "each":
            return [
                picture
                for head, of_head in enumerate(weights)
                for picture in self._draw(f"{name}/head_{head}", of_head, example)
            ]
        if weights.ndim == 3:
            weights = weights.mean(axis=0)
        keys = self._names("tokens", example, weights.shape[-1])
        weights = np.asarray(weights, "float64")[..., : len(keys)]
        if weights.ndim == 1:
            return [(name, word_weights_image(weights, keys, title=name))]
        queries = self._names("query_tokens", example, weights.shape[0])
        options = {"title": name, "axis_names": ("key", "query")}
        return [(name, alignment_image(weights[: len(queries)], keys, queries, **options))]

    def _names(self, argument, example, length):
        names = getattr(self, argument)
        if names is None:
            return [str(position) for position in range(length)]
        if example >= len(names) or len(names[example]) > length:
            raise ValueError(
                f"Expected `{argument}` to hold at most {length} names for example {example}. "
                f"Received: {argument} of {len(names)} examples, "
                f"with {[len(row) for row in names]} names"
            )
        return list(names[example])


def _no_sequence(name, shape):
    return ValueError(
        "Expected attention layers whose weights belong to positions of a sequence: name "
        f"others in `layers`. Received: {name} with weights of shape {shape}"
    )
