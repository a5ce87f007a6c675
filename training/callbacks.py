"""What happens at the end of an epoch: real decoding, pictures, the best model, a checkpoint.

Each callback puts what it found into Keras' epoch logs, which `keras.callbacks.TensorBoard`, last
in the list, writes down.
"""

import math
import time
from pathlib import Path

import keras
import tensorflow as tf

from keras_attention import visualization
from keras_attention.errors import UserError
from keras_attention.files import atomic_file, read_json, write_json

from .scores import score_texts

KEEP_CHECKPOINTS = 2


class Throughput(keras.callbacks.Callback):
    """Real tokens, of both sides, per second of training; validation is not counted.

    Args:
        tokens: int. Real tokens of an epoch.
    """

    def __init__(self, tokens):
        super().__init__()
        self.tokens = tokens

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        """Remembers when the last batch ended."""
        self.ended = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Puts `tokens_per_second` into the logs."""
        logs["tokens_per_second"] = self.tokens / (self.ended - self.began)


class EpochNumber(keras.callbacks.Callback):
    """Tells the data which epoch begins: each has an order of its own, also in a resumed run.

    Args:
        number: int64 `tf.Variable` that the dataset reads.
    """

    def __init__(self, number):
        super().__init__()
        self.number = number

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the variable."""
        self.number.assign(epoch)


class TaskScore(keras.callbacks.Callback):
    """The task's score on validation, by real decoding.

    Args:
        translator: `Translator` of the model in training.
        pairs: `Pairs` to decode.
        options: `ScoreOptions`.
    """

    def __init__(self, translator, pairs, options):
        super().__init__()
        self.translator = translator
        self.pairs = pairs
        self.options = options

    def on_epoch_end(self, epoch, logs=None):
        """Puts `val_exact_match`, and `val_bleu` or `val_chrf` where it is the metric, into the
        logs."""
        translations = self.translator(self.pairs.sources)
        scores = score_texts(
            translations, self.pairs.targets, self.options.bleu_tokenizer, ter=False
        )
        for name in {"exact_match", self.options.metric}:
            logs[f"val_{name}"] = scores[name]


class AlignmentImages(keras.callbacks.Callback):
    """Heatmaps of the alignments of a few fixed sentences, for TensorBoard.

    Args:
        translator: `Translator` of the model in training.
        texts: list of str.
        log_dir: path of TensorBoard's logs.
    """

    def __init__(self, translator, texts, log_dir):
        super().__init__()
        self.translator = translator
        self.texts = texts
        self.log_dir = str(log_dir)

    def on_epoch_end(self, epoch, logs=None):
        """Writes one picture for each sentence."""
        writer = tf.summary.create_file_writer(self.log_dir)
        with writer.as_default():
            for index, why in enumerate(self.translator.explain(self.texts)):
                image = visualization.alignment_image(
                    why.alignment, why.source_tokens, why.target_tokens, title=why.text
                )
                tf.summary.image(f"alignment/{index}", image[None], step=epoch)
        writer.close()


class BestTranslator(keras.callbacks.Callback):
    """Saves the translator whenever validation is better than ever, and the history of all epochs.

    Of epochs with the same score the one with the lower loss on validation is the better one.

    Args:
        translator: `Translator` of the model in training.
        folder: path the translator is saved to.
        history: list of dicts of the epochs before this process, grown in place.
        history_path: path of the JSON file.
        metric: str. The entry of the logs that chooses, higher is better.
    """

    def __init__(self, translator, folder, history, history_path, metric):
        super().__init__()
        self.translator = translator
        self.folder = folder
        self.history = history
        self.history_path = history_path
        self.metric = metric

    def on_epoch_end(self, epoch, logs=None):
        """Saves what is to be saved."""
        best = max(map(self._rank, self.history), default=None)
        try:
            if best is None or self._rank(logs) > best or not Path(self.folder).exists():
                self.translator.save(self.folder)
            entry = {name: float(value) for name, value in logs.items()}
            self.history.append({"epoch": epoch, **entry})
            write_json(self.history_path, self.history)
        except OSError as error:
            raise disk_error("The best model", self.folder, error) from error

    def _rank(self, logs):
        loss = logs["val_loss"]
        return logs[self.metric], -math.inf if math.isnan(loss) else -loss


class Checkpoints(keras.callbacks.Callback):
    """State to go on from, one whole file an epoch; the last two are kept.

    Args:
        folder: path.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)

    def on_epoch_end(self, epoch, logs=None):
        """Saves model and optimizer, then removes what is too old."""
        path = self.folder / f"epoch-{epoch + 1:05d}.keras"
        try:
            with atomic_file(path) as temporary:
                self.model.save(temporary)
        except OSError as error:
            raise disk_error(f"The checkpoint of epoch {epoch + 1}", path, error) from error
        for old in checkpoints(self.folder)[KEEP_CHECKPOINTS:]:
            old.unlink()


def disk_error(what, path, error):
    """The sentence for a file that could not be written."""
    return UserError(
        f"{what} could not be written to {path}: {error.strerror or error}. Nothing older is lost: "
        "make room and repeat the command to go on from the last checkpoint."
    )


def checkpoints(folder):
    """Checkpoint files of a folder, newest first."""
    return sorted(Path(folder).glob("epoch-*.keras"), reverse=True)


def resume(folder, report, seed=0):
    """The newest checkpoint that can be read.

    Args:
        folder: path of the checkpoints.
        report: function that tells the user one line.
        seed: int. A checkpoint does not hold the state of dropout's generators: they start anew,
            from this seed and the epoch, so that a run killed often does not repeat its masks.

    Returns:
        Model with its optimizer, and the number of epochs it has seen; `(None, 0)` without a
        checkpoint.

    Raises:
        UserError: there are checkpoints, but none can be read.
    """
    files = checkpoints(folder)
    for path in files:
        epochs_done = int(path.stem.removeprefix("epoch-"))
        keras.utils.set_random_seed(seed + epochs_done)
        try:
            model = keras.saving.load_model(path)
        # A damaged archive fails in Keras, zipfile or h5py, each with errors of its own; the reason
        # is told, and the next older file is tried.
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            report(f"The checkpoint {path} is damaged ({reason}); trying the one before.")
            continue
        return model, epochs_done
    if files:
        raise UserError(
            f"None of the checkpoints in {folder} can be read. Remove the folder to train anew."
        )
    return None, 0


def read_history(path, epochs):
    """Entries of the first `epochs` epochs of a history file; empty without the file."""
    if not epochs or not Path(path).exists():
        return []
    return read_json(path, "a run directory")[:epochs]
