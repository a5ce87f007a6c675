"""What goes wrong with exported files."""

from keras_attention.errors import UserError


class BundleError(UserError):
    """A bundle that is incomplete or not as it was written."""


class ParityError(UserError):
    """An exported file that does not answer like the trained model."""
