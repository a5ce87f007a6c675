"""TensorBoard's event files of a run that goes on: each epoch is in them once."""

import shutil
from pathlib import Path

import tensorflow as tf

from keras_attention.files import atomic_file


def forget_epochs(log_dir, epochs_done, steps_done):
    """Removes what an earlier process wrote of epochs that are computed again.

    Args:
        log_dir: path of TensorBoard's logs.
        epochs_done: int. Epochs of the checkpoint that training goes on from.
        steps_done: int. Steps of them.
    """
    for path in sorted(event_files(log_dir)):
        records, is_whole = read_records(path)
        kept = [record for record in records if _is_before(record, epochs_done, steps_done)]
        if len(kept) < len(records) or not is_whole:
            with atomic_file(path) as temporary:
                _write(temporary, kept)
                # TensorFlow says nothing of a large record that it could not write.
                if read_records(temporary) != (kept, True):
                    raise OSError(f"{path.name} without its last epochs cannot be read back")
                shutil.copymode(path, temporary)


def event_files(log_dir):
    """Set of the paths of all event files in a folder and the folders in it."""
    return set(Path(log_dir).rglob("events.out.tfevents.*"))


def read_records(path):
    """The records of a file, and whether the last one is whole: a killed process leaves a part."""
    records = []
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            records.append(record.numpy())
    except tf.errors.DataLossError:
        return records, False
    return records, True


def _is_before(record, epochs_done, steps_done):
    event = tf.compat.v1.Event.FromString(record)
    # Keras counts these in steps, all others in epochs.
    in_steps = any(value.tag.endswith("_vs_iterations") for value in event.summary.value)
    return not event.summary.value or (
        event.step <= steps_done if in_steps else event.step < epochs_done
    )


def _write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
