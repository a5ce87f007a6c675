"""No cuDNN kernel in a graph, not even on a machine that has them."""

import pytest
import tensorflow as tf
from tiny_translators import tiny_recurrent_model

from keras_attention import models
from keras_attention.export.portable import without_cudnn
from keras_attention.export.search_graph import SOURCE_IDS_SPEC


@pytest.fixture
def pretended_gpu(monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["GPU:0"])


def operations_of_encoder(model):
    encode = tf.function(model.encode, autograph=False).get_concrete_function(SOURCE_IDS_SPEC)
    graph = encode.graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    return {node.op for node in nodes}


@pytest.mark.default_cases(1)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 2])
def test_without_cudnn(pretended_gpu, cell, layers):
    model = tiny_recurrent_model(11, 13, "parallel", cell, layers)
    assert any("Cudnn" in operation for operation in operations_of_encoder(model))
    with without_cudnn(model):
        assert not any("Cudnn" in operation for operation in operations_of_encoder(model))
    assert any("Cudnn" in operation for operation in operations_of_encoder(model))


def test_setting_is_restored_after_an_error():
    model = tiny_recurrent_model(11, 13, "parallel", "lstm", 1)
    (encoder,) = (layer for layer in model.layers if isinstance(layer, models.RecurrentEncoder))
    inner = encoder.recurrent_layers[0].backward_layer
    with pytest.raises(KeyError), without_cudnn(model):
        assert inner.use_cudnn is False
        raise KeyError
    assert inner.use_cudnn == "auto"
