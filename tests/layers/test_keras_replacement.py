"""Our layers in the place of Keras': its arguments, its weights, and names of objects."""

import json
import zipfile

import keras
import numpy as np
import pytest
from cases_scores import CASES as SCORES
from input_cases import CASES as INPUT_CASES
from layer_checks import assert_close, to_numpy
from order_cases import CASES as ORDER
from pair_cases import CASES as PAIR_CASES
from test_call_checks import ATTENTIONS, each, one_of_each_class, refuses

from keras_attention import layers, models
from keras_attention.layers.base.kernels import WithKernels
from keras_attention.layers.multi_head.named import POSITIONS

HEADS, KEY_DIM, VALUE_DIM, DIM = 6, 5, 3, 7
CASES = {**ATTENTIONS, **one_of_each_class(INPUT_CASES), **one_of_each_class(PAIR_CASES)}
# The first of Luong's scores has no weights.
OWNERS = {**CASES, "luong_dot": SCORES["luong_concat"]}
WITH_KERNELS = {name: case for name, case in OWNERS.items() if isinstance(case.make(), WithKernels)}


def arrays():
    generator = np.random.default_rng(5)
    return [generator.normal(size=(2, size, DIM + size)).astype("float32") for size in (3, 5)]


def randomized(layer):
    generator = np.random.default_rng(7)
    for weight in layer.weights:
        if "float" in weight.dtype:
            weight.assign(generator.normal(size=weight.shape) / 3)
    return layer


KERAS = {
    "plain": {},
    "value_dim": {"value_dim": VALUE_DIM},
    "without_bias": {"use_bias": False},
    "output_shape": {"output_shape": 11},
    "output_shapes": {"output_shape": (2, 11)},
    "gate": {"use_gate": True},
    "gate_without_bias": {"use_gate": True, "use_bias": False},
}


@pytest.mark.parametrize("options", KERAS.values(), ids=KERAS.keys())
def test_multi_head_attention_with_weights_of_keras(options):
    query, value = arrays()
    theirs = keras.layers.MultiHeadAttention(HEADS, KEY_DIM, **options)
    theirs.build(query.shape, value.shape)
    randomized(theirs)
    own = dict(options)
    if own.pop("use_gate", False):
        own["parts"] = ["output_gate"]
    ours = layers.MultiHeadAttention(HEADS, KEY_DIM, **own)
    ours.set_weights_from(theirs)
    mask = np.random.default_rng(11).random((2, 3, 5)) < 0.7
    mask[..., 0] = True
    expected = theirs(query, value, attention_mask=mask, return_attention_scores=True)
    assert_close(ours(query, value, attention_mask=mask, return_attention_scores=True), expected)
    # With the weights: without them Keras fails on JAX where `value_dim` is not `key_dim`.
    causal = {"use_causal_mask": True, "return_attention_scores": True}
    assert_close(ours(query, value, **causal), theirs(query, value, **causal))
    symbolic = ours(*(keras.KerasTensor(x.shape) for x in (query, value)))
    assert (
        symbolic.shape == expected[0].shape == ours.compute_output_shape(query.shape, value.shape)
    )


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_grouped_query_attention_with_weights_of_keras(groups):
    query, value = arrays()
    theirs = keras.layers.GroupQueryAttention(KEY_DIM, HEADS, groups)
    theirs(query, value)
    randomized(theirs)
    ours = layers.GroupedQueryAttention(HEADS, KEY_DIM, groups)
    ours.set_weights_from(theirs)
    assert_close(ours(query, value), theirs(query, value))


def test_weights_that_do_not_fit():
    query, value = arrays()
    theirs = keras.layers.MultiHeadAttention(HEADS, KEY_DIM)
    ours = layers.MultiHeadAttention
    refuses(ours(HEADS, KEY_DIM).set_weights_from, theirs, match="call it once")
    theirs(query, value)
    refuses(ours(HEADS, KEY_DIM).set_weights_from, keras.layers.Dense(3), match="Multi")
    refuses(ours(KEY_DIM, HEADS).set_weights_from, theirs, match="with the weights of")
    refuses(ours(HEADS, KEY_DIM, use_bias=False).set_weights_from, theirs, match="weights of")


def test_a_window_of_keras():
    query, _ = arrays()
    query = np.concatenate([query, 1 - query, 2 * query], axis=1)
    windowed = keras.layers.MultiHeadAttention(HEADS, KEY_DIM, sliding_window=3)
    windowed(query, query)
    randomized(windowed)
    plain = layers.MultiHeadAttention(HEADS, KEY_DIM)
    refuses(plain.set_weights_from, windowed, match=r"window=\(2, 2\)")
    other = layers.SlidingWindowAttention(HEADS, KEY_DIM, window=6)
    refuses(other.set_weights_from, windowed, match=r"window=\(2, 2\)")
    same = layers.SlidingWindowAttention(HEADS, KEY_DIM, window=(2, 2))
    same.set_weights_from(windowed)
    assert_close(same(query, query), windowed(query, query))


SETTINGS = {
    "normalizer": ({"normalizer": "sparsemax"}, {}, "normalizer='softmax'"),
    "position": ({"position": "alibi"}, {}, "position=None"),
    "parts": ({"parts": ["output_gate", "query_key_norm"]}, {"use_gate": True}, "parts="),
    "attention_axes": ({"attention_axes": 2}, {"attention_axes": 1}, r"attention_axes=\(1,\)"),
    "all axes": ({}, {"attention_axes": 1}, r"attention_axes=\(1,\)\. "),
    "score": ({}, {}, "score='scaled dot product'"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_with_which_a_layer_computes_something_else(name):
    own, options, expected = SETTINGS[name]
    x = np.ones((2, 3, 5, DIM) if "axes" in name else (2, 3, DIM), "float32")
    theirs = keras.layers.MultiHeadAttention(2, 4, **options)
    theirs(x, x)
    kind = layers.LinearAttention if name == "score" else layers.MultiHeadAttention
    refuses(kind(2, 4, **own).set_weights_from, theirs, match=expected)
    if "axes" in name:
        same = layers.MultiHeadAttention(2, 4, attention_axes=-3)
        same.set_weights_from(theirs)
        assert_close(same(x, x), theirs(x, x))


@pytest.mark.parametrize("axes", [1, (2, 1)])
def test_the_loss_of_projections_is_that_of_an_example(axes):
    """Whatever axes are attended along: the sum over the batch, by the size of the batch."""
    generator = np.random.default_rng(13)
    shapes = (5, 3, 2, DIM), (5, *((4, 2) if axes == 1 else (4, 3)), DIM)
    query, value = (generator.normal(size=shape).astype("float32") for shape in shapes)
    options = {"activity_regularizer": keras.regularizers.L2(0.1), "attention_axes": axes}
    layer = layers.MultiHeadAttention(HEADS, KEY_DIM, **options)
    theirs = keras.layers.MultiHeadAttention(HEADS, KEY_DIM, **options)
    theirs(query, value)
    randomized(theirs)
    layer.set_weights_from(theirs)
    theirs._clear_losses()
    outputs = to_numpy(layer(query, value)), to_numpy(theirs(query, value))
    assert_close(*outputs)
    projected = [
        x @ to_numpy(getattr(layer, f"{name}_kernel")) + to_numpy(getattr(layer, f"{name}_bias"))
        for name, x in (("query", query), ("key", value), ("value", value))
    ]
    expected = sum(0.1 * (x**2).sum() / len(query) for x in [*projected, outputs[0]])
    for one in (layer, theirs):
        np.testing.assert_allclose(
            sum(float(to_numpy(loss)) for loss in one.losses), expected, rtol=1e-4
        )


def test_losses_of_keras():
    """Regularizers of kernels, biases and of what the projections give: the same loss."""
    query, value = arrays()
    options = {
        "kernel_regularizer": keras.regularizers.L2(0.3),
        "bias_regularizer": keras.regularizers.L1(0.2),
        "activity_regularizer": keras.regularizers.L2(0.1),
    }
    theirs = keras.layers.MultiHeadAttention(HEADS, KEY_DIM, **options)
    ours = layers.MultiHeadAttention(HEADS, KEY_DIM, **options)
    theirs(query, value)
    randomized(theirs)
    ours.set_weights_from(theirs)
    losses = []
    for layer in (theirs, ours):
        layer._clear_losses()
        layer(query, value)
        losses.append(sum(float(to_numpy(loss)) for loss in layer.losses))
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    before = len(ours.losses)
    ours.attend(keras.ops.convert_to_tensor(query), ours.project_memory(value))
    assert len(ours.losses) == before  # steps of a decoder add none


ARGUMENTS = {
    "kernel_initializer": keras.initializers.Constant(0.25),
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "kernel_constraint": keras.constraints.NonNeg(),
    "bias_constraint": "max_norm",
}


@each(WITH_KERNELS)
def test_arguments_of_all_layers_with_projections(case):
    layer = case.make(**ARGUMENTS)
    inputs = case.arrays() if hasattr(case, "arrays") else [case.array()]
    layer(*inputs)
    inner = layer.attention.weights if hasattr(layer, "attention") else []  # has its own arguments
    weights = [w for w in layer.weights if not any(w is other for other in inner)]
    kernels = [w for w in weights if w.name.endswith("kernel")]
    assert kernels
    for weight in kernels:
        assert (to_numpy(weight) == 0.25).all()
        assert weight.regularizer is not None and weight.constraint is not None
    for weight in (w for w in weights if w.name.endswith("bias")):
        assert (to_numpy(weight) == 1).all()
        assert weight.regularizer is not None and weight.constraint is not None
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    for name in ARGUMENTS:  # a configuration that an older version wrote
        del config[name]
    again = type(layer).from_config(config)
    assert again.kernel_initializer is None and again.kernel_regularizer is None


# Keras says so of every input layer, dropout and the like.
@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@each({**OWNERS, "learned_position": ORDER["learned_position"]})
def test_no_layer_is_passed_by_where_a_model_is_quantized(case):
    layer = case.make()
    inputs = case.arrays() if hasattr(case, "arrays") else [case.array()]
    symbolic = [keras.Input(x.shape[1:]) for x in inputs]
    outputs = [keras.layers.Dense(2)(x) for x in keras.tree.flatten(layer(*symbolic))]
    model = keras.Model(symbolic, outputs)
    if not any(len(weight.shape) > 1 for weight in layer.trainable_weights):
        model.quantize("int8")  # nothing in it could be quantized
        return
    refuses(model.quantize, "int8", match="can not yet.* filters=")
    if len(list(layer._flatten_layers())) == 1:  # Keras asks the layer itself
        again = keras.models.clone_model(model)
        again.quantize("int8", filters=lambda one: one.name != layer.name)
    if not hasattr(layer, "attention") and isinstance(layer, WithKernels):
        refuses(layer.enable_lora, 4, match="adapters")
    if layer.name.startswith("multi_head"):
        again = keras.models.clone_model(model)
        ours = layers.MultiHeadAttention.__module__.partition(".")[0]
        again.quantize("int8", filters=lambda layer: not type(layer).__module__.startswith(ours))
        assert again.layers[-1].dtype_policy.name == "int8_from_float32"
        assert np.isfinite(to_numpy(again(inputs))).all()


def test_a_layer_that_another_one_holds_stays_as_it_is():
    inner = layers.DotProductAttention()
    layer = layers.PredictiveLocalAttention(inner, 2)
    layer.build((None, 3, 7), (None, 5, 7))
    with pytest.raises(NotImplementedError):  # Keras' own, as it has no weights
        inner.quantize("int8")
    refuses(layer.refusal.quantize, "int8", match="PredictiveLocalAttention")


@pytest.mark.parametrize(
    "make",
    [
        lambda number: layers.RotaryPosition(number(100), layers.LinearScaling(number(2))),
        lambda number: layers.RotaryPosition(
            scaling=layers.YaRNScaling(number(2), original_length=number(64), slow=number(1))
        ),
        lambda number: layers.SinusoidalPosition(number(100)),
        lambda number: layers.TransformerXLPosition(base=number(100)),
        lambda number: layers.AdaptiveSpanAttention(
            2, 3, 4, number(2), number(1), span_penalty=number(1)
        ),
        lambda number: layers.MonotonicAttention(
            layers.DotProductAttention(), number(1), number(-1)
        ),
        lambda number: layers.LearnedSinks(number(1)),
        lambda number: layers.QueryKeyNorm(number(1)),
        lambda number: layers.ResidualAttention(layers.DotProductAttention(), epsilon=number(1)),
    ],
)
def test_numbers_of_numpy_become_those_of_python(make):
    serialized = keras.saving.serialize_keras_object(make(np.float32))
    types = {type(x).__module__ for x in keras.tree.flatten(serialized)}
    assert types == {"builtins"}
    ours, theirs = (keras.tree.flatten(make(n).get_config()) for n in (np.float32, float))
    kinds = [type(one) is type(other) for one, other in zip(ours, theirs, strict=True)]
    assert all(kinds)


def test_files_name_classes_and_not_the_modules_they_were_in():
    layer = layers.MultiHeadAttention(2, 5, position=layers.RotaryPosition(), parts=["output_gate"])
    serialized = json.dumps(keras.saving.serialize_keras_object(layer))
    for module in {type(x).__module__ for x in (layer, layer.position, layer.parts[0])}:
        assert f'"{module}"' in serialized
        serialized = serialized.replace(f'"{module}"', '"keras_attention.layers.moved_since"')
    again = keras.saving.deserialize_keras_object(json.loads(serialized))
    assert again.get_config() == layer.get_config()


def test_every_kernel_starts_by_itself():
    layer = layers.MultiHeadAttention(2, 5, kernel_initializer=keras.initializers.RandomNormal())
    layer.build((None, None, 10), (None, None, 10))
    assert (to_numpy(layer.query_kernel) != to_numpy(layer.key_kernel)).all()


@each(CASES)
def test_keras_own_arguments(case):
    layer = case.make(name="looks", trainable=False, dtype="mixed_float16")
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert (again.name, again.trainable, again.compute_dtype) == ("looks", False, "float16")
    with pytest.raises((ValueError, TypeError), match="kernel_initialiser"):
        case.make(kernel_initialiser="zeros")


NEW = {*ARGUMENTS, "activity_regularizer", "output_shape", "attention_axes", "ramp"}


def without(config, names):
    """A configuration as it was before there were some of its names."""
    if isinstance(config, dict):
        return {name: without(x, names) for name, x in config.items() if name not in names}
    return [without(x, names) for x in config] if isinstance(config, list) else config


def test_files_of_older_versions(tmp_path):
    """Without the new arguments in it a file gives what the model gave that was saved."""
    scaling = layers.YaRNScaling(4.0, original_length=64, ramp="turns")
    rotary = layers.RotaryPosition(base=100.0, scaling=scaling)
    inputs = keras.Input((None, DIM))
    attend = layers.MultiHeadAttention(2, 8, position=rotary, parts=["talking_heads"])
    x = layers.BahdanauAttention(5)(inputs, attend(inputs, inputs))
    model = keras.Model(inputs, layers.AttentionPooling(5)(layers.SqueezeExcite(2)(x)))
    randomized(model)
    model.save(tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras") as new,
        zipfile.ZipFile(tmp_path / "old.keras", "w") as old,
    ):
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                old_config = without(json.loads(content), NEW)
                content = json.dumps(old_config)
            old.writestr(name, content)
    x = np.random.default_rng(3).normal(size=(2, 11, DIM)).astype("float32")
    assert_close(keras.models.load_model(tmp_path / "old.keras")(x), model(x), atol=1e-6)


WRONG = {
    "position": (lambda x: layers.MultiHeadAttention(2, 4, position=x), "'rotary'"),
    "parts": (lambda x: layers.MultiHeadAttention(2, 4, parts=x), "list of instances"),
    "a part": (lambda x: layers.MultiHeadAttention(2, 4, parts=[x]), "'output_gate'"),
    "pattern": (lambda x: layers.PatternAttention(2, 4, x), "`Pattern`"),
    "scaling": (lambda x: layers.RotaryPosition(scaling=x), "`RotaryScaling`"),
    "position of a span": (lambda x: layers.AdaptiveSpanPosition(5, position=x), "`Position`"),
    "position beside a span": (
        lambda x: layers.AdaptiveSpanAttention(2, 4, 5, position=x),
        "'rotary'",
    ),
    "normalizer": (lambda x: layers.BahdanauAttention(5, normalizer=x), "'softmax'"),
    "score": (layers.CustomAttention, "a function"),
    "luong score": (layers.LuongAttention, "'general'"),
    "attention": (layers.HardAttention, "an attention layer"),
    "residual attention": (layers.ResidualAttention, "an attention layer"),
    "encoder": (lambda x: layers.HierarchicalAttention(5, word_encoder=x), "`Layer`"),
    "decoder attention": (lambda x: models.BahdanauDecoder(5, attention=x), "attention layer"),
    "cell": (lambda x: models.BahdanauDecoder(5, cell=x), "'lstm'"),
    "encoder cell": (lambda x: models.RecurrentEncoder(5, cell=x), "'lstm'"),
    "encoder position": (lambda x: models.TransformerEncoder(1, 1, 5, position=x), "'sinusoidal'"),
    "num_heads": (lambda x: layers.MultiHeadAttention(x, 4), "an integer"),
    "units": (layers.BahdanauAttention, "`units` to be an integer"),
    "units of pooling": (layers.AttentionPooling, "`units` to be an integer"),
    "filters": (lambda x: layers.LocationSensitiveAttention(3, x), "`filters` to be an integer"),
    "stride": (lambda x: layers.StridedAttention(2, 3, x), "`stride` to be an integer"),
    "max_length": (layers.LearnedPosition, "`max_length` to be an integer"),
    "dropout": (lambda x: layers.DotProductAttention(dropout=x), "0 <= dropout < 1"),
    "dropout of two": (lambda x: layers.CoAttention(3, dropout=x), "0 <= dropout < 1"),
    "output_shape": (lambda x: layers.MultiHeadAttention(2, 4, output_shape=x), "an? .*integer"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("value", ["nothing", 2.5, {"a": 1}, layers.RotaryPosition], ids=str)
def test_arguments_that_take_an_object(name, value):
    make, expected = WRONG[name]
    refuses(make, value, match=expected)


def test_numbers_of_numpy():
    """They are written to files as Python's own, and do not overflow as NumPy's do."""
    integer, truth = np.int64, np.bool_(True)
    numpy = layers.MultiHeadAttention(
        integer(4),
        integer(6),
        use_bias=truth,
        dropout=np.float32(0.25),
        output_shape=np.array([3, 2]),
        attention_axes=np.array([1]),
        position=layers.T5Position(integer(32), integer(128)),
    )
    config = numpy.get_config()
    for name, expected in {"num_heads": 4, "dropout": 0.25, "output_shape": (3, 2)}.items():
        assert config[name] == expected and "numpy" not in type(config[name]).__module__
    python = layers.MultiHeadAttention(4, 6, output_shape=(3, 2), position="t5")
    x = np.random.default_rng(3).normal(size=(2, 150, DIM)).astype("float32")
    python(x, x)
    numpy.build(x.shape, x.shape)
    numpy.set_weights(python.get_weights())
    assert_close(numpy(x, x), python(x, x))
    again = layers.MultiHeadAttention.from_config(json.loads(json.dumps(config, default=bool)))
    assert again.attention_axes == (1,) and again.position.num_buckets == 32
    assert layers.SlidingWindowAttention(2, 4, window=integer(4)).pattern.window == 4
    assert layers.SpatialAttention(integer(3)).kernel_size == 3
    refuses(layers.MultiHeadAttention, 2, 4, attention_axes=True, match="attention_axes")


@pytest.mark.parametrize("name", POSITIONS)
def test_positions_by_name(name):
    x = np.ones((1, 3, 8), "float32")
    layer = layers.MultiHeadAttention(2, 4, position=name, parts=["query_key_norm"])
    assert type(layer.position) is POSITIONS[name]
    assert tuple(layer(x, x).shape) == x.shape
    again = layers.MultiHeadAttention.from_config(layer.get_config())
    assert type(again.position) is type(layer.position)
    encoder = models.TransformerEncoder(1, 2, 5, position=name)
    assert tuple(encoder(x).shape) == x.shape
