"""A decoder-only model as a graph function and as an ONNX file, the search inside."""

import numpy as np
import pytest

from keras_attention import decoding, layers, models
from keras_attention.export.search_graph import SOURCE_IDS_SPEC, search_function
from keras_attention.export.to_onnx import convert

PROMPTS = np.array([[2, 5, 7, 8, 0], [2, 9, 4, 6, 5], [8, 0, 0, 0, 0]], "int32")


@pytest.mark.parametrize(
    "attention",
    [
        "linear",
        pytest.param(
            lambda: layers.SlidingWindowAttention(2, 5, window=(2, 0), position="t5"),
            marks=pytest.mark.exhaustive,
        ),
    ],
)
def test_the_search_continues_prompts_everywhere_alike(attention):
    import onnxruntime

    attention = attention() if callable(attention) else attention
    decoder = models.TransformerDecoder(1, 2, 7, attention=attention, cross=False)
    model = models.LanguageModel(decoder, 13, 12, tie_embeddings=False)
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        if len(weight.shape) == 2:
            weight.assign(rng.normal(size=weight.shape) * 0.7)
    search = decoding.Beam(width=3, n_best=2, max_length=6)
    function = search_function(model, search)
    file = convert(function, [SOURCE_IDS_SPEC])
    session = onnxruntime.InferenceSession(
        file.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for prompts in (PROMPTS, PROMPTS[:1, :4]):  # other sizes are the same program
        expected = model.generate(prompts, search)
        outputs = {name: output.numpy() for name, output in function(prompts).items()}
        values = session.run(None, {SOURCE_IDS_SPEC.name: prompts})
        served = dict(zip([output.name for output in session.get_outputs()], values, strict=True))
        for found in (outputs, served):
            np.testing.assert_array_equal(found["ids"], expected.ids)
            np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-4)
            np.testing.assert_allclose(found["alignments"], expected.alignments, atol=1e-4)
        assert len({tuple(ids) for ids in np.asarray(expected.ids)[:, 0]}) > len(prompts) // 2
