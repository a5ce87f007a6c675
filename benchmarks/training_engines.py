"""The same model in each engine of `training_step.py`, as that engine's users train it.

Each function takes `sizes`, a dict of `vocabulary`, `batch` and `length`, and returns a function of
a number of steps that makes them and returns the last loss, a float.
"""

import numpy as np

LAYERS, WIDTH, HEADS, INNER, DROPOUT = 4, 128, 4, 256, 0.1
ENCODER_UNITS, DECODER_UNITS = 128, 256
LEARNING_RATE = 1e-3


def pairs(sizes):
    """Random ids without padding: source, target to read, target to predict."""
    generator = np.random.default_rng(0)
    shape = sizes["batch"], sizes["length"] + 1
    source, target = (
        generator.integers(4, sizes["vocabulary"], shape).astype("int32") for _ in range(2)
    )
    return source[:, 1:], target[:, :-1], target[:, 1:]


def fitted(model, sizes, steps_per_execution=1, **settings):
    """A Keras model whose steps are those of `fit`, without its messages."""
    import keras
    import tensorflow as tf

    if "loss" not in settings:
        settings["loss"] = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), **settings)
    source, target, labels = pairs(sizes)
    batch = {"source": source, "target": target}, labels
    data = tf.data.Dataset.from_tensors(batch).cache().repeat().prefetch(2)
    iterator = iter(data)

    def run(steps):
        model.make_train_function()  # once, in the first step, as `fit` does
        for _ in range(steps):
            logs = model.train_function(iterator)
        return float(logs["loss"])

    return run


def our_transformer(sizes):
    """`models.transformer`, compiled as it compiles itself."""
    from keras_attention import losses, models

    vocabulary = sizes["vocabulary"]
    model = models.transformer(
        "tiny", vocabulary, vocabulary, dropout=DROPOUT, attention_dropout=DROPOUT
    )
    return fitted(model, sizes, loss=losses.SequenceCrossEntropy())


def our_recurrent(sizes):
    """`Seq2Seq` of a bidirectional encoder and a parallel decoder."""
    from keras_attention import layers, losses, models

    model = models.Seq2Seq(
        models.RecurrentEncoder(ENCODER_UNITS),
        models.ParallelDecoder(DECODER_UNITS, attention=layers.DotProductAttention()),
        sizes["vocabulary"],
        sizes["vocabulary"],
        embedding_dim=WIDTH,
    )
    return fitted(model, sizes, loss=losses.SequenceCrossEntropy())


def keras_transformer(sizes, jit_compile=False):
    """The layers of Keras, put together as its guide on translation does, with a tied embedding."""
    import keras
    from keras import layers

    def add(x, sublayer):
        found = sublayer(layers.LayerNormalization(epsilon=1e-5)(x))
        return x + layers.Dropout(DROPOUT)(found)

    def attention():
        return layers.MultiHeadAttention(HEADS, WIDTH // HEADS, dropout=DROPOUT)

    def feed_forward(x):
        return layers.Dense(WIDTH)(layers.Dense(INNER, activation="relu")(x))

    def block(x, memory=None):
        causal = memory is not None
        x = add(x, lambda x: attention()(x, x, use_causal_mask=causal))
        if memory is not None:
            x = add(x, lambda x: attention()(x, memory))
        return add(x, feed_forward)

    def embedded(embedding, ids):
        x = embedding(ids) * WIDTH**0.5
        return layers.Dropout(DROPOUT)(x + position(sizes["length"]))

    def position(length):
        from keras_attention.ops import sinusoids

        return sinusoids(keras.ops.arange(length), WIDTH, 10000.0, "float32")

    source, target = keras_inputs()
    memory = embedded(layers.Embedding(sizes["vocabulary"], WIDTH), source)
    for _ in range(LAYERS):
        memory = block(memory)
    memory = layers.LayerNormalization(epsilon=1e-5)(memory)
    embedding = layers.ReversibleEmbedding(sizes["vocabulary"], WIDTH)
    x = embedded(embedding, target)
    for _ in range(LAYERS):
        x = block(x, memory)
    logits = embedding(layers.LayerNormalization(epsilon=1e-5)(x), reverse=True)
    model = keras.Model({"source": source, "target": target}, logits)
    return fitted(model, sizes, jit_compile=jit_compile)


def keras_inputs():
    """The inputs of a Keras model over ids."""
    import keras

    return (keras.Input((None,), dtype="int32", name=name) for name in ("source", "target"))


def keras_hub_transformer(sizes):
    """KerasHub's encoder and decoder blocks, compiled as Keras does by default."""
    import keras
    import keras_hub

    source, target = keras_inputs()

    def embedded(embedding, ids):
        x = embedding(ids) * WIDTH**0.5
        x = x + keras_hub.layers.SinePositionEncoding()(x)
        return keras.layers.Dropout(DROPOUT)(x)

    memory = embedded(keras.layers.Embedding(sizes["vocabulary"], WIDTH), source)
    for _ in range(LAYERS):
        encoder = keras_hub.layers.TransformerEncoder(
            INNER, HEADS, dropout=DROPOUT, normalize_first=True
        )
        memory = encoder(memory)
    embedding = keras_hub.layers.ReversibleEmbedding(sizes["vocabulary"], WIDTH)
    x = embedded(embedding, target)
    for _ in range(LAYERS):
        decoder = keras_hub.layers.TransformerDecoder(
            INNER, HEADS, dropout=DROPOUT, normalize_first=True
        )
        x = decoder(x, memory)
    model = keras.Model({"source": source, "target": target}, embedding(x, reverse=True))
    return fitted(model, sizes)


def keras_recurrent(sizes):
    """The layers of Keras: a bidirectional LSTM, an LSTM, dot-product attention."""
    import keras
    from keras import layers

    source, target = keras_inputs()
    embedded = layers.Embedding(sizes["vocabulary"], WIDTH, mask_zero=True)(source)
    encoder = layers.Bidirectional(layers.LSTM(ENCODER_UNITS, return_sequences=True))
    memory = encoder(embedded)
    embedding = layers.ReversibleEmbedding(sizes["vocabulary"], WIDTH, mask_zero=True)
    mean = layers.GlobalAveragePooling1D()(memory)
    start = keras.ops.split(layers.Dense(2 * DECODER_UNITS, activation="tanh")(mean), 2, axis=-1)
    decoder = layers.LSTM(DECODER_UNITS, return_sequences=True)
    x = decoder(embedding(target), initial_state=start)
    context = layers.Attention()([x, memory])
    joined = layers.Dense(DECODER_UNITS, activation="tanh", use_bias=False)(
        layers.Concatenate()([context, x])
    )
    logits = embedding(layers.Dense(WIDTH)(joined), reverse=True)
    model = keras.Model({"source": source, "target": target}, logits)
    return fitted(model, sizes)


def our_loss(sizes):
    """An embedding, read and projected back, under our loss."""
    from keras_attention import losses

    return fitted(projected(sizes), sizes, loss=losses.SequenceCrossEntropy())


def keras_loss(sizes):
    """The same under that of Keras."""
    return fitted(projected(sizes), sizes)


def projected(sizes):
    """A model from target ids to logits, by one embedding."""
    import keras

    source, target = keras_inputs()
    embedding = keras.layers.ReversibleEmbedding(sizes["vocabulary"], WIDTH)
    logits = embedding(embedding(target), reverse=True)
    return keras.Model({"source": source, "target": target}, logits)


def torch_steps(module, logits_of, sizes):
    """Steps of a Torch module in eager mode, with two threads."""
    import torch

    torch.set_num_threads(2)
    optimizer = torch.optim.Adam(module.parameters(), LEARNING_RATE)
    source, target, labels = (torch.from_numpy(x.astype("int64")) for x in pairs(sizes))
    module.train()

    def run(steps):
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            logits = logits_of(module, source, target)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    return run


def torch_transformer(sizes):
    """Torch's `nn.Transformer`."""
    import torch

    from keras_attention.ops import sinusoids

    positions = np.array(sinusoids(np.arange(sizes["length"]), WIDTH, 10000.0, "float32"))

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.source = torch.nn.Embedding(sizes["vocabulary"], WIDTH)
            self.target = torch.nn.Embedding(sizes["vocabulary"], WIDTH)
            self.stack = torch.nn.Transformer(
                WIDTH, HEADS, LAYERS, LAYERS, INNER, DROPOUT, batch_first=True, norm_first=True
            )
            self.dropping = torch.nn.Dropout(DROPOUT)
            self.register_buffer("positions", torch.from_numpy(positions))
            for embedding in (self.source, self.target):
                torch.nn.init.normal_(embedding.weight, std=WIDTH**-0.5)

        def embedded(self, embedding, ids):
            return self.dropping(embedding(ids) * WIDTH**0.5 + self.positions)

        def forward(self, source, target):
            x = self.stack(
                self.embedded(self.source, source),
                self.embedded(self.target, target),
                tgt_mask=torch.nn.Transformer.generate_square_subsequent_mask(target.shape[1]),
                tgt_is_causal=True,
            )
            return x @ self.target.weight.T

    return torch_steps(Model(), lambda module, *ids: module(*ids), sizes)


def marian(sizes):
    """Hugging Face's Marian."""
    from transformers import MarianConfig, MarianMTModel

    stack = {"layers": LAYERS, "attention_heads": HEADS, "ffn_dim": INNER}
    model = MarianMTModel(
        MarianConfig(
            vocab_size=sizes["vocabulary"],
            decoder_vocab_size=sizes["vocabulary"],
            share_encoder_decoder_embeddings=False,
            d_model=WIDTH,
            **{
                f"{side}_{key}": value
                for side in ("encoder", "decoder")
                for key, value in stack.items()
            },
            activation_function="relu",
            dropout=DROPOUT,
            attention_dropout=DROPOUT,
            scale_embedding=True,
            pad_token_id=0,
            eos_token_id=3,
            decoder_start_token_id=2,
        )
    )

    def logits_of(module, source, target):
        return module(input_ids=source, decoder_input_ids=target, use_cache=False).logits

    return torch_steps(model, logits_of, sizes)
