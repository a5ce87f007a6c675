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
    step that mixed precision skips because its scaled gradients overflow has a finite one.

    Args:
        batches: `Batches` of the training pairs.
        texts: `Pairs` that `batches` was made of.
        schedule: function of the step, counted from 0, that gives its learning rate.
        options: `FitOptions`.
        uniform_loss: float. The loss of a model that gives each token the same probability.
        run_dir: path. A batch with a loss that is no number is kept there.
        report: function that tells the user one line.
    """

    def __init__(self, batches, texts, schedule, options, uniform_loss, run_dir, report):
        super().__init__()
        self.batches = batches
        self.texts = texts
        self.schedule = schedule
        self.options = options
        self.uniform_loss = uniform_loss
        self.path = run_dir / FAILED_BATCH
        self.report = report
        self.losses = tf.Variable(tf.zeros([options.steps_per_execution]), trainable=False)
        self.count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.step = 0
        self.exploded = []

    def set_model(self, model):
        """Makes the model's training steps write down their loss."""
        super().set_model(model)
        compute_loss = model.compute_loss

        def recorded(x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = compute_loss(x, y, y_pred, sample_weight, training=training)
            if training:
                self._record(loss)
            return loss

        model.compute_loss = recorded

    def _record(self, loss):
        place = self.count % self.options.steps_per_execution
        self.losses.scatter_nd_update([[place]], [tf.cast(loss, tf.float32)])
        self.count.assign_add(1)

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
                self._stop("the loss", self.step, loss)
            if loss > EXPLODED * self.uniform_loss and self.epoch not in self.exploded:
                self.exploded.append(self.epoch)
                self.report(
                    f"The loss explodes: {loss:,.4g} in epoch {self.epoch + 1}, step {self.step} "
                    f"(learning rate {self._learning_rate(self.step):.3g}), where a model that "
                    f"guesses has {self.uniform_loss:.3g}. {self._advice()}"
                )

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the loss of validation; the last step may have spoilt the weights."""
        loss = logs["val_loss"]
        if not math.isfinite(loss):
            self._stop("the loss of validation", self.step, loss)

    def on_train_end(self, logs=None):
        """Reminds of a loss that exploded: its line stands far above the scores by now."""
        if self.exploded:
            epochs = ", ".join(str(epoch + 1) for epoch in self.exploded)
            self.report(
                f"Epochs whose loss exploded: {epochs}. The scores may be those of a model that "
                "learned nothing."
            )

    def _stop(self, what, step, loss):
        rate = self._learning_rate(step)
        self._keep_batch(step, loss, rate)
        when = "after" if "validation" in what else "in"
        kept = "the best model and the checkpoints are those of the epochs before"
        if not self.epoch:
            kept = "no model was saved yet"
        raise UserError(
            f"Training stopped {when} epoch {self.epoch + 1}, step {step}: {what} is {loss} at "
            f"learning rate {rate:.3g}. {self._advice()} The batch of that step is kept in "
            f"{self.path}; {kept}."
        )

    def _advice(self):
        precision = ", or train without --mixed-precision" if self.options.mixed_precision else ""
        return (
            "Try a lower --learning-rate, a longer --warmup-steps or a smaller --clip-norm in "
            f"another --run-dir{precision}."
        )

    def _learning_rate(self, step):
        return float(self.schedule(self.epoch * self.batches.steps + step - 1))

    def _keep_batch(self, step, loss, rate):
        """Writes down the ids and texts of one step's pairs."""
        pairs = self.batches.pairs
        (rows,) = self.batches.rows(self.epoch, self.epoch + 1).skip(step - 1).take(1)
        rows = rows.numpy()
        places = np.asarray(pairs.rows)[rows]
        ids = [tf.gather(side, rows).to_list() for side in (pairs.sources, pairs.targets)]
        kept = [
            {
                "pair": int(place),
                "source": self.texts.sources[place],
                "target": self.texts.targets[place],
                "source_ids": source_ids,
                "target_ids": target_ids,
            }
            for place, source_ids, target_ids in zip(places, *ids, strict=True)
        ]
        write_json(
            self.path,
            {
                "epoch": self.epoch + 1,
                "step": step,
                "loss": str(loss),  # JSON has no word for NaN.
                "learning_rate": rate,
                "pairs": kept,
            },
        )
