"""Stops a training whose loss is no number any more, and reports one that explodes."""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_attention.errors import UserError
from keras_attention.files import write_json

EXPLODED = 10  # Times the loss of a uniform guess; a model that learns stays below 1.
FAILED_BATCH = "failed_batch.json"


class LossWatch(keras.callbacks.Callback):
    """Looks at the loss of every training step, and at that of validation after every epoch.

    Keras' logs hold the mean of an epoch so far, and come once in `steps_per_execution` steps. The
    loss of each step is therefore written to a small buffer inside the compiled step: two
    operations on scalars, read when Keras reads its logs. It is the loss before loss scaling: a
    step that mixed precision skips because its scaled gradients overflow has a finite one. Of
    validation, the number of the first batch without a finite loss is written down.

    Args:
        batches: dict of `Batches` of the pairs of `train` and of `validation`.
        examples: dict of the examples, such as `Pairs`, that `batches` were made of.
        schedule: function of the step, counted from 0, that gives its learning rate.
        options: `FitOptions`.
        uniform_loss: float. The loss of a model that gives each token the same probability.
        run_dir: path. A batch with a loss that is no number is kept there.
        report: function that tells the user one line.
        first_step: int. Steps that the optimizer counted before the first epoch of `batches`: not 0
            where epochs of an earlier process had another number of steps.
    """

    def __init__(
        self, batches, examples, schedule, options, uniform_loss, run_dir, report, first_step=0
    ):
        super().__init__()
        self.batches = batches
        self.examples = examples
        self.schedule = schedule
        self.first_step = first_step
        self.options = options
        self.uniform_loss = uniform_loss
        self.path = run_dir / FAILED_BATCH
        self.report = report
        self.losses = tf.Variable(tf.zeros([options.steps_per_execution]), trainable=False)
        self.count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.validated = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.failed = tf.Variable(0, dtype=tf.int64, trainable=False)  # 0 for none.
        self.step = 0
        self.exploded = []

    def set_model(self, model):
        """Makes the model's steps write down their loss."""
        super().set_model(model)
        compute_loss = model.compute_loss

        def recorded(x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = compute_loss(x, y, y_pred, sample_weight, training=training)
            if training:
                self._record(loss)
            else:
                self._record_validation(loss)
            return loss

        model.compute_loss = recorded

    def _record(self, loss):
        place = self.count % self.options.steps_per_execution
        self.losses.scatter_nd_update([[place]], [tf.cast(loss, tf.float32)])
        self.count.assign_add(1)

    def _record_validation(self, loss):
        self.validated.assign_add(1)
        is_first = (self.failed == 0) & ~tf.math.is_finite(tf.cast(loss, tf.float32))
        self.failed.assign(tf.where(is_first, self.validated, self.failed))

    def on_epoch_begin(self, epoch, logs=None):
        """Counts the steps of the epoch anew."""
        self.epoch = epoch
        self.step = 0
        self.count.assign(0)

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the steps since the last call, which are one execution."""
        losses = self.losses.numpy()
        count = int(self.count)
        while self.step < count:
            loss = float(losses[self.step % len(losses)])
            self.step += 1
            if not math.isfinite(loss):
                self._stop(f"in epoch {self.epoch + 1}, step {self.step}: the loss is {loss}", loss)
            self._tell_of_explosion("loss", loss)

    def on_test_begin(self, logs=None):
        """Counts the batches of validation anew."""
        self.validated.assign(0)
        self.failed.assign(0)

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the loss of validation; the last step may have spoilt the weights."""
        loss = logs["val_loss"]
        if not math.isfinite(loss):
            what = f"after epoch {epoch + 1}, step {self.step}: the loss of validation is {loss}"
            self._stop(what, loss, "validation", self._of_validation())
        self._tell_of_explosion("loss of validation", loss)

    def on_train_end(self, logs=None):
        """Reminds of a loss that exploded: its line stands far above the scores by now."""
        if self.exploded:
            epochs = ", ".join(str(epoch + 1) for epoch in self.exploded)
            self.report(
                f"Epochs whose loss exploded: {epochs}. The scores may be those of a model that "
                "learned nothing."
            )

    def _tell_of_explosion(self, what, loss):
        if loss > EXPLODED * self.uniform_loss and self.epoch not in self.exploded:
            self.exploded.append(self.epoch)
            self.report(
                f"The {what} explodes: {loss:,.4g} in epoch {self.epoch + 1}, step {self.step} "
                f"(learning rate {self._learning_rate():.3g}), where a model that guesses has "
                f"{self.uniform_loss:.3g}. {self._advice()}"
            )

    def _of_validation(self):
        """What is known of why the loss of validation alone is no number."""
        weights = self.model.trainable_variables
        if all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in weights):
            return ", with finite weights"
        return ", with weights that a training step spoilt whose own loss was finite"

    def _stop(self, what, loss, split="train", more=""):
        models = "the best model and the checkpoints are those of the epochs before"
        if not self.epoch:
            models = "no model was saved yet"
        rate = self._learning_rate()
        kept = self._kept(split, int(self.failed) if split == "validation" else self.step, loss)
        raise UserError(
            f"Training stopped {what} at learning rate {rate:.3g}{more}. {self._advice()} {kept}; "
            f"{models}."
        )

    def _advice(self):
        precision = ", or train without --mixed-precision" if self.options.mixed_precision else ""
        return (
            "Try a lower --learning-rate, a longer --warmup-steps or a smaller --clip-norm in "
            f"another --run-dir{precision}."
        )

    def _learning_rate(self):
        """Of the step that was done last."""
        steps = self.epoch * self.batches["train"].steps + self.step
        return float(self.schedule(self.first_step + steps - 1))

    def _kept(self, split, step, loss):
        """Keeps a batch, and says so; or why it is not kept."""
        if not step:
            return "No batch is kept: the loss of each is finite"
        name = "that step" if split == "train" else f"batch {step} of validation"
        try:
            self._keep_batch(split, step, loss)
        except OSError as error:
            reason = error.strerror or error
            return f"The batch of {name} could not be kept: {self.path} cannot be written: {reason}"
        of = f"The batch of {name}" if split == "train" else f"The first such, {name},"
        return f"{of} is kept in {self.path}"

    def _keep_batch(self, split, step, loss):
        """Writes down the ids and raw examples of one step."""
        batches, examples = self.batches[split], self.examples[split]
        pairs, epoch = batches.pairs, self.epoch if split == "train" else 0
        (rows,) = batches.rows(epoch, epoch + 1).skip(step - 1).take(1)
        rows = rows.numpy()
        places = np.asarray(pairs.rows)[rows]
        kept = [
            {"pair": int(place), **examples.row(place), **ids}
            for place, ids in zip(places, pairs.ids(rows), strict=True)
        ]
        write_json(
            self.path,
            {
                "split": split,
                "epoch": self.epoch + 1,
                "step": step,
                "loss": str(loss),  # JSON has no word for NaN.
                "learning_rate": self._learning_rate(),
                "pairs": kept,
            },
        )
