"""The error family.

Every error that PoseStride raises on purpose derives from ``PoseStrideError``. Its message says what was
asked, what was found and what to do, so that ``app.py`` can print it as one line.
"""

from __future__ import annotations


class PoseStrideError(Exception):
    """Base of all errors that PoseStride raises on purpose."""


class SourceError(PoseStrideError):
    """A camera, file, folder or stream can't be opened or read."""


class ModelError(PoseStrideError):
    """A weight file or its card is missing, damaged or of the wrong kind."""


class DeviceError(PoseStrideError):
    """The device that was asked for can't run the models."""


class ConfigError(PoseStrideError):
    """An option or a combination of options is not valid."""


class DisplayError(PoseStrideError):
    """No window can be opened here."""


class ExportError(PoseStrideError):
    """A result can't be written."""


class StageStuckError(PoseStrideError):
    """A stage of a run does not come back from one frame."""
