"""Libraries that keep their chatter to themselves, but not their errors."""

import contextlib
import logging

LOGGERS = ("tensorflow", "absl", "tf2onnx")


class _Collector(logging.Handler):
    def __init__(self):
        super().__init__(logging.ERROR)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def quiet_tensorflow():
    """Lets TensorFlow's logger show errors only: it warns of every new length that is traced."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def quiet(*names):
    """Silences loggers inside the block, and collects their errors for the caller to tell.

    Args:
        *names: str. Names of loggers; those of TensorFlow and tf2onnx if none is given.

    Yields:
        List of str, which grows by every message of level error.
    """
    loggers = [logging.getLogger(name) for name in names or LOGGERS]
    collector = _Collector()
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [collector], False
        logger.setLevel(logging.ERROR)
    try:
        yield collector.messages
    finally:
        for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
