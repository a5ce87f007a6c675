"""SavedModel with strings in and out, in the layout of TF Serving."""

from pathlib import Path

import tensorflow as tf

from keras_attention.quiet import quiet

from .exporter import exporter_of
from .portable import without_cudnn

WARMUP_BATCH_SIZES = (1, 8)


def write_saved_model(predictor, folder, warmup_texts=(), jit_compile=False):
    """Writes a predictor as one version of a served model.

    Args:
        predictor: `keras_attention.Translator` or `Labeller`, on the TensorFlow backend.
        folder: path of the version's folder, such as `saved_model/1`.
        warmup_texts: list of str. Texts that TF Serving answers before it takes requests.
        jit_compile: bool. Whether XLA compiles the model, once for each shape.
    """
    folder, exporter = Path(folder), exporter_of(predictor)
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    with quiet(), without_cudnn(predictor.model):
        served = exporter.served(jit_compile)
        tf.saved_model.save(served, str(folder), signatures=served.endpoints, options=options)
    if warmup_texts:
        write_warmup_requests(folder, list(warmup_texts), exporter.task)


def write_warmup_requests(folder, texts, task):
    """Writes the requests with which TF Serving warms a model up before it serves it.

    Args:
        folder: path of the version's folder.
        texts: list of str.
        task: `Task`.
    """
    path = Path(folder) / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for endpoint in task.raw_endpoints:
            for batch_size in WARMUP_BATCH_SIZES:
                batch = [texts[index % len(texts)] for index in range(batch_size)]
                writer.write(_prediction_log(endpoint, task, batch).SerializeToString())


def _prediction_log(endpoint, task, texts):
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2  # Slow: it loads gRPC.

    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = endpoint
    request.inputs[task.raw_input].CopyFrom(tf.make_tensor_proto(texts, tf.string))
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
