"""What happens at the end of an epoch: real decoding, pictures, the best model, a checkpoint.

Each callback puts what it found into Keras' epoch logs, which `keras.callbacks.TensorBoard`, last
in the list, writes down.
"""

import contextlib
import json
import math
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_attention import visualization
from keras_attention.errors import UserError, first_line
from keras_attention.files import atomic_file, read_json, write_json

from .event_files import event_files, read_records

KEEP_CHECKPOINTS = 2
# In the archive of a checkpoint, beside what Keras writes.
GENERATORS = "seed_generators.json"
PROGRESS = "progress.json"
TENSORBOARD = "The logs of TensorBoard"


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
    """The scores of a task on validation, from the answers that a user would get.

    Args:
        task: `Task`.
        predictor: what answers, of the model in training.
        examples: those of validation that are scored.
        options: options of the scores.
    """

    def __init__(self, task, predictor, examples, options):
        super().__init__()
        self.task = task
        self.predictor = predictor
        self.examples = examples
        self.options = options

    def on_epoch_end(self, epoch, logs=None):
        """Puts them into the logs, such as `val_exact_match`."""
        scores = self.task.validation_scores(self.predictor, self.examples, self.options)
        logs |= {f"val_{name}": score for name, score in scores.items()}


class AlignmentImages(keras.callbacks.Callback):
    """Heatmaps of the alignments of a few fixed inputs, for TensorBoard.

    Args:
        predictor: what explains its answers, of the model in training.
        inputs: list of raw inputs, such as texts.
        log_dir: path of TensorBoard's logs.
    """

    def __init__(self, predictor, inputs, log_dir):
        super().__init__()
        self.predictor = predictor
        self.inputs = inputs
        self.log_dir = str(log_dir)

    def on_epoch_end(self, epoch, logs=None):
        """Writes one picture for each input."""
        images = [
            visualization.alignment_image(
                why.alignment, why.source_tokens, why.target_tokens, title=why.text
            )
            for why in self.predictor.explain(self.inputs)
        ]
        before = event_files(self.log_dir)
        with writing(TENSORBOARD, self.log_dir):
            writer = tf.summary.create_file_writer(self.log_dir)
            with writer.as_default():
                for index, image in enumerate(images):
                    tf.summary.image(f"alignment/{index}", image[None], step=epoch)
            writer.flush()
            writer.close()
            # TensorFlow says nothing of a large record that it could not write.
            for path in event_files(self.log_dir) - before:
                if len(read_records(path)[0]) <= len(images):  # One more says the file's version.
                    raise OSError(f"{path.name} cannot be read back")


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras' callback, with one sentence for a log that could not be written.

    Args:
        log_dir: path of TensorBoard's logs.
    """

    def __init__(self, log_dir):
        super().__init__(log_dir, write_graph=False)

    def on_test_end(self, logs=None):
        """Writes the scores of validation by step."""
        with writing(TENSORBOARD, self.log_dir):
            super().on_test_end(logs)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's scores, and sees to it that they are on the disk."""
        with writing(TENSORBOARD, self.log_dir):
            super().on_epoch_end(epoch, logs)
            for writer in self._writers.values():
                writer.flush()

    def on_train_end(self, logs=None):
        """Closes the files."""
        with writing(TENSORBOARD, self.log_dir):
            super().on_train_end(logs)


class BestModel(keras.callbacks.Callback):
    """Saves the predictor whenever validation is better than ever, and the history of all epochs.

    Of epochs with the same score the one with the lower loss on validation is the better one.

    Args:
        predictor: what a run saves, with `save`, of the model in training.
        folder: path the predictor is saved to.
        history: list of dicts of the epochs before this process, grown in place.
        history_path: path of the JSON file.
        metric: str. The entry of the logs that chooses, higher is better.
    """

    def __init__(self, predictor, folder, history, history_path, metric):
        super().__init__()
        self.predictor = predictor
        self.folder = folder
        self.history = history
        self.history_path = history_path
        self.metric = metric

    def on_epoch_end(self, epoch, logs=None):
        """Saves what is to be saved."""
        best = max(map(self._rank, self.history), default=None)
        with writing("The best model", self.folder):
            if best is None or self._rank(logs) > best or not Path(self.folder).exists():
                self.predictor.save(self.folder)
            entry = {name: float(value) for name, value in logs.items()}
            self.history.append({"epoch": epoch, **entry})
            write_json(self.history_path, self.history)

    def _rank(self, logs):
        loss = logs["val_loss"]
        return logs[self.metric], -math.inf if math.isnan(loss) else -loss


class Checkpoints(keras.callbacks.Callback):
    """State to go on from, one whole file an epoch; the last two are kept.

    Args:
        folder: path.
        steps: int. Steps of an epoch.
        first_step: int, as for `LossWatch`.
    """

    def __init__(self, folder, steps, first_step=0):
        super().__init__()
        self.folder = Path(folder)
        self.steps = steps
        self.first_step = first_step

    def on_epoch_end(self, epoch, logs=None):
        """Saves model and optimizer, then removes what is too old."""
        path = _path_of(self.folder, epoch + 1)
        with (
            writing(f"The checkpoint of epoch {epoch + 1}", path),
            atomic_file(path) as temporary,
        ):
            self.model.save(temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(GENERATORS, json.dumps(generator_states(self.model)))
                steps_done = self.first_step + (epoch + 1) * self.steps
                archive.writestr(PROGRESS, json.dumps({"steps": steps_done}))
        for old in checkpoints(self.folder)[KEEP_CHECKPOINTS:]:
            old.unlink()


@contextlib.contextmanager
def writing(what, path):
    """Raises `UserError` where the block cannot write to the disk, by Python or by TensorFlow."""
    try:
        yield
    except OSError as error:
        raise _disk_error(what, path, error.strerror or error) from error
    except tf.errors.OpError as error:
        # TensorFlow puts the name of its operation in front, in double braces.
        reason = first_line(error.message).rpartition("}} ")[2]
        raise _disk_error(what, path, reason) from error


def _disk_error(what, path, reason):
    return UserError(
        f"{what} could not be written to {path}: {reason}. Nothing older is lost: "
        "make room and repeat the command to go on from the last checkpoint."
    )


def _generators(model):
    """The state of each random generator of a model: Keras' files hold the other variables."""
    return [
        variable for variable in model.variables if variable.name.endswith("seed_generator_state")
    ]


def generator_states(model):
    """The states of a model's random generators, such as those of dropout, as lists of int."""
    return [np.asarray(state).tolist() for state in _generators(model)]


def restore_generators(model, path):
    """Gives a model's random generators the state that a checkpoint holds.

    A checkpoint of version 0.1 holds none: they stay as they are.

    Args:
        model: the model of the checkpoint.
        path: path of the checkpoint.
    """
    with zipfile.ZipFile(path) as archive:
        if GENERATORS not in archive.namelist():
            return
        states = json.loads(archive.read(GENERATORS))
    for generator, state in zip(_generators(model), states, strict=True):
        generator.assign(state)


def checkpoints(folder):
    """Checkpoint files of a folder, newest first."""
    return sorted(Path(folder).glob("epoch-*.keras"), reverse=True)


def read_steps(folder, epochs_done):
    """Training steps of the first epochs of a run, as their checkpoint tells.

    Not the optimizer's number: it leaves out steps that mixed precision skipped.

    Args:
        folder: path of the checkpoints.
        epochs_done: int, as `resume` returned it.

    Returns:
        int; None without a checkpoint, or where it is of version 0.1 and does not tell.
    """
    path = _path_of(folder, epochs_done)
    if not path.exists():
        return None
    with zipfile.ZipFile(path) as archive:
        if PROGRESS not in archive.namelist():
            return None
        return json.loads(archive.read(PROGRESS))["steps"]


def _path_of(folder, epochs_done):
    return Path(folder) / f"epoch-{epochs_done:05d}.keras"


def resume(folder, report, seed=0):
    """The newest checkpoint that can be read.

    Args:
        folder: path of the checkpoints.
        report: function that tells the user one line.
        seed: int. A checkpoint of version 0.1 does not hold the state of dropout's generators:
            they start anew, from this seed and the epoch, so that a run killed often does not
            repeat its masks.

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
            restore_generators(model, path)
        # A damaged archive fails in Keras, zipfile or h5py, each with errors of its own; the reason
        # is told, and the next older file is tried.
        except Exception as error:
            report(
                f"The checkpoint {path} is damaged ({first_line(error)}); trying the one before."
            )
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
    return read_json(path, "a run directory", [dict])[:epochs]
