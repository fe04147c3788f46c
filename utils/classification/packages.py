"""Packages that only some of the work needs, such as ktrain or ONNX."""


class MissingPackageError(ImportError):
    """A package is not installed; the message holds the command that installs it."""
