"""The weights of all attention layers of a model, against those that a layer returns by itself."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention import attention_weights, layers, models
from keras_attention.decoding import Greedy, MinimumLength

BATCH, LENGTH, WIDTH = 2, 5, 6
IDS = np.array([[7, 3, 5, 2, 0], [4, 6, 0, 0, 0]], "int32")


def vectors(seed=0):
    return np.random.default_rng(seed).normal(size=(BATCH, LENGTH, WIDTH)).astype("float32")


def reloaded(model, path, **options):
    model.save(path / "model.keras")
    return keras.saving.load_model(path / "model.keras", **options)


def check_same(received, expected):
    assert list(received) == list(expected)
    for name, weights in expected.items():
        np.testing.assert_allclose(received[name], ops.convert_to_numpy(weights), atol=1e-6)


@keras.saving.register_keras_serializable("tests_of_attention_weights")
class Unmasked(keras.layers.Layer):
    """Its input without the mask."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return x + 0

    def compute_mask(self, inputs, previous_mask=None):
        return None


def functional():
    """Ours and Keras' own, self- and cross-attention, with the implicit mask of an embedding."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, WIDTH, mask_zero=True, name="embedding")(ids)
    ours = layers.MultiHeadAttention(2, 3, name="ours")(x, x, use_causal_mask=True)
    theirs = keras.layers.MultiHeadAttention(2, 3, name="theirs")(ours, x)
    dot = keras.layers.Attention(name="dot")([theirs, x])
    additive = keras.layers.AdditiveAttention(name="additive")([dot, x])
    additive = Unmasked(name="unmasked")(additive)  # Keras' layer warns of its own projections.
    grouped = keras.layers.GroupQueryAttention(3, 2, 1, name="grouped")(additive, additive)
    bahdanau = layers.BahdanauAttention(3, name="bahdanau")(grouped, x)
    pooled = layers.AttentionPooling(3, name="pooling")(bahdanau)
    return keras.Model(ids, pooled)


def test_functional_model_with_ours_and_those_of_keras_before_and_after_saving(tmp_path):
    model = functional()
    layer = model.get_layer
    x = layer("embedding")(IDS)
    asked = {"return_attention_scores": True}
    ours, ours_weights = layer("ours")(x, x, use_causal_mask=True, **asked)
    theirs, theirs_weights = layer("theirs")(ours, x, **asked)
    dot, dot_weights = layer("dot")([theirs, x], **asked)
    additive, additive_weights = layer("additive")([dot, x], **asked)
    additive = layer("unmasked")(additive)
    grouped, grouped_weights = layer("grouped")(additive, additive, **asked)
    bahdanau, bahdanau_weights = layer("bahdanau")(grouped, x, **asked)
    _, pooling_weights = layer("pooling")(bahdanau, **asked)
    expected = {
        "ours": ours_weights,
        "theirs": theirs_weights,
        "dot": dot_weights,
        "additive": additive_weights,
        "grouped": grouped_weights,
        "bahdanau": bahdanau_weights,
        "pooling": pooling_weights,
    }
    outputs = ops.convert_to_numpy(model(IDS))
    check_same(attention_weights(model, IDS), expected)
    assert expected["ours"].shape == (2, 2, 5, 5)
    assert not np.any(attention_weights(model, IDS, "ours")["ours"][1, :, :, 2:])  # padding
    # Nothing of the model has changed, and another process may hold it.
    np.testing.assert_array_equal(ops.convert_to_numpy(model(IDS)), outputs)
    assert "call" not in vars(layer("ours"))
    check_same(attention_weights(reloaded(model, tmp_path), IDS), expected)


def test_weights_are_what_multiplied_the_values():
    layer = layers.ScaledDotProductAttention(name="attention")
    query, value = keras.Input((3, WIDTH)), keras.Input((None, WIDTH))
    model = keras.Model([query, value], layer(query, value))
    inputs = [vectors()[:, :3], vectors(1)]
    weights = attention_weights(model, inputs)["attention"]  # (batch, query, key)
    context = np.einsum("bqk,bkd->bqd", weights, inputs[1])
    np.testing.assert_allclose(ops.convert_to_numpy(model(inputs)), context, atol=1e-6)


def test_inference_mode_unless_asked_for():
    model = keras.Sequential(
        [layers.AttentionPooling(3, dropout=0.5, seed=1, name="pooling")], name="sequential"
    )
    x = np.concatenate([vectors(seed) for seed in range(4)])
    weights = attention_weights(model, x)["pooling"]
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    assert np.any(attention_weights(model, x, training=True)["pooling"] == 0)


@keras.saving.register_keras_serializable("tests_of_attention_weights")
class Block(keras.layers.Layer):
    """A Transformer block as users write it: its layers are made when it is built."""

    def build(self, shape):
        self.attention = keras.layers.MultiHeadAttention(2, 3, name="attention")
        self.attention.build(shape, shape)

    def call(self, x):
        return x + self.attention(x, x)


@keras.saving.register_keras_serializable("tests_of_attention_weights")
class Subclassed(keras.Model):
    """A subclassed model with a list of blocks, and one layer called twice."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [Block(name=f"block_{index}") for index in range(2)]
        self.shared = layers.LuongAttention("dot", name="shared")
        self.unused = keras.layers.Attention(name="unused")

    def build(self, shape):
        for block in self.blocks:
            block.build(shape)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        context, self_seen = self.shared(x, x, return_attention_scores=True)
        return self.shared(context, x[:, :3])


def test_subclassed_model_with_layers_in_layers_and_a_layer_called_twice(tmp_path):
    model, x = Subclassed(name="subclassed"), vectors()
    weights = attention_weights(model, x)  # It was never called before.
    names = ["block_0/attention", "block_1/attention", "shared", "shared:2"]
    assert list(weights) == names
    first, second = (block.attention for block in model.blocks)
    _, expected = first(x, x, return_attention_scores=True)
    np.testing.assert_allclose(weights["block_0/attention"], expected, atol=1e-6)
    x1 = model.blocks[0](x)
    _, expected = second(x1, x1, return_attention_scores=True)
    np.testing.assert_allclose(weights["block_1/attention"], expected, atol=1e-6)
    assert weights["shared"].shape == (BATCH, LENGTH, LENGTH)
    assert weights["shared:2"].shape == (BATCH, LENGTH, 3)

    check_same(attention_weights(reloaded(model, tmp_path), x), weights)
    for chosen in ("block_1", model.blocks[1], second, ["block_1/attention"]):
        assert list(attention_weights(model, x, chosen)) == ["block_1/attention"]
    assert list(attention_weights(model, x, "attention")) == names[:2]
    nested = keras.Sequential([keras.Input((LENGTH, WIDTH)), model, keras.layers.Flatten()])
    prefixed = {f"subclassed/{name}": weights[name] for name in names}
    check_same(attention_weights(nested, x), prefixed)
    with pytest.raises(ValueError, match="inputs that reach the attention.* not call unused"):
        attention_weights(model, x, "unused")


def test_transformer_and_its_saved_copy(tmp_path):
    model = models.transformer("tiny", 11, 13)
    inputs = {"source": IDS, "target": np.array([[2, 5, 7], [2, 9, 0]], "int32")}
    weights = attention_weights(model, inputs)
    crossed = [name for name in weights if name.endswith("cross_attention")]
    assert len(weights) == 4 + 2 * 4 and len(crossed) == 4
    expected = ops.convert_to_numpy(
        model.alignments(inputs)
    )  # (batch, layers, heads, target, source)
    received = np.stack([weights[name] for name in crossed], axis=1)
    np.testing.assert_allclose(received, expected, atol=1e-6)
    check_same(attention_weights(reloaded(model, tmp_path), inputs), weights)


@pytest.mark.parametrize("decoder", [models.BahdanauDecoder, models.ParallelDecoder])
def test_recurrent_decoder_joins_its_steps(decoder):
    model = models.Seq2Seq(
        models.RecurrentEncoder(3), decoder(5, name="decoder"), 11, 13, embedding_dim=7
    )
    search = Greedy(max_length=4, constraints=[MinimumLength(4)])
    found = model.generate(IDS, search)
    ids = ops.convert_to_numpy(found.ids)[:, 0]  # (batch, target)
    target = np.concatenate([np.full((2, 1), model.start_id), ids[:, :-1]], axis=1)
    (weights,) = attention_weights(model, {"source": IDS, "target": target}).values()
    expected = ops.convert_to_numpy(found.alignments)[:, 0]
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_layers_that_give_several_stand_for_those_in_them():
    words = keras.Input((4, LENGTH, WIDTH))
    pooled = layers.HierarchicalAttention(3, name="documents")(words)
    model = keras.Model(words, pooled)
    x = np.stack([vectors(seed) for seed in range(4)], axis=1)
    of_words, of_sentences = attention_weights(model, x)["documents"]
    assert of_words.shape == (BATCH, 4, LENGTH) and of_sentences.shape == (BATCH, 4)

    first, second = keras.Input((LENGTH, WIDTH)), keras.Input((LENGTH, WIDTH))
    both = layers.CoAttention(3, name="both")(first, second)
    both = layers.CrossModalAttention(2, 3, name="crossed")(*map(_as_rows, both))
    model = keras.Model([first, second], both)
    weights = attention_weights(model, [vectors(), vectors(1)])
    assert [len(arrays) for arrays in weights.values()] == [2, 2]
    np.testing.assert_allclose(weights["both"][0].sum(axis=-1), 1, atol=1e-6)


def _as_rows(x):
    return keras.layers.RepeatVector(3)(x)


def test_the_name_of_one_inside_another_that_gives_weights():
    x = keras.Input((LENGTH, WIDTH))
    inner = layers.ScaledDotProductAttention(name="inner")
    model = keras.Model(x, layers.ResidualAttention(inner, name="residual")(x))
    outer = attention_weights(model, vectors())
    assert list(outer) == ["residual"]
    for chosen in ("residual", model.get_layer("residual")):
        check_same(attention_weights(model, vectors(), chosen), outer)
    check_same(
        attention_weights(model, vectors(), "residual/inner"), {"residual/inner": outer["residual"]}
    )


def test_a_layer_without_weights_is_an_error_that_names_the_others(monkeypatch):
    class Silent(keras.layers.Layer):
        def call(self, x, return_attention_scores=False):
            return (x, None) if return_attention_scores else x

    model = keras.Sequential(
        [keras.Input((LENGTH, WIDTH)), Silent(name="silent"), layers.AttentionPooling(3, name="ok")]
    )
    with pytest.raises(ValueError, match="silent cannot give its weights: it returns None.*: ok"):
        attention_weights(model, vectors())
    assert list(attention_weights(model, vectors(), ["ok"])) == ["ok"]


def test_a_layer_with_flash_attention_says_so(monkeypatch):
    x = keras.Input((LENGTH, WIDTH))
    layer = keras.layers.MultiHeadAttention(2, 3, name="flash")
    model = keras.Model(x, layer(x, x))
    # As `flash_attention=True` leaves it; on a processor Keras has no kernel that could run.
    kernel = layer._compute_attention

    def with_flash(*args, **kwargs):
        monkeypatch.setattr(layer, "_flash_attention", bool(args[5]))
        return kernel(*args, **kwargs)

    monkeypatch.setattr(layer, "_compute_attention", with_flash)
    message = "flash cannot give its weights: Returning attention scores is not supported.*: none"
    with pytest.raises(ValueError, match=message):
        attention_weights(model, vectors())


def test_an_error_of_the_model_stays_its_own():
    class Broken(keras.layers.Layer):
        def call(self, x, return_attention_scores=False):
            raise RuntimeError("a broken layer")

    model = keras.Sequential([Broken(name="broken")])
    model.built = True
    with pytest.raises(RuntimeError, match="a broken layer"):
        attention_weights(model, vectors())


def test_nothing_to_look_at():
    model = keras.Sequential([keras.layers.Dense(3)], name="plain")
    with pytest.raises(ValueError, match="attention layers.*Received: model=plain, a Sequential"):
        attention_weights(model, vectors())
    model = functional()
    with pytest.raises(ValueError, match=r"which has ours, theirs, dot.*layers=\['nothing'\]"):
        attention_weights(model, IDS, "nothing")


def test_a_function_in_the_place_of_a_method_comes_back():
    layer = layers.MultiHeadAttention(2, 3, name="ours")
    inputs = keras.Input((LENGTH, WIDTH))
    model = keras.Model(inputs, layer(inputs, inputs))
    calls, call = [], layer.call
    layer.call = counted = lambda *args, **kwargs: calls.append(1) or call(*args, **kwargs)
    counted.__signature__ = inspect.signature(call)
    assert list(attention_weights(model, vectors())) == ["ours"]
    assert calls and vars(layer)["call"] is counted and "attend" not in vars(layer)
