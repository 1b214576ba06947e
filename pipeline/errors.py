"""The errors of PoseStride.

Every error that PoseStride raises on purpose derives from ``PoseStrideError``. Its message says what was asked, what
was found and what to do, in one line. Messages of the library speak of fields and values; the command line puts its
own options in their place, see ``pipeline.commands.flags``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePath


class PoseStrideError(Exception):
    """Base of all errors that PoseStride raises on purpose."""


class SourceError(PoseStrideError):
    """A camera, file, folder or stream can't be opened or read."""


class ModelError(PoseStrideError):
    """A weight file or its card is missing, damaged or of the wrong kind."""


class DeviceError(PoseStrideError):
    """The device that was asked for can't run the models."""


class DataError(PoseStrideError):
    """A file of training or evaluation data, or a checkpoint, can't be read or does not fit."""


class ConfigError(PoseStrideError):
    """A field, or a combination of fields, has a value that is not valid.

    Args:
        field: what was set, as a parameter or field of an options object is called: 'start_s', 'detector'.
        value: what it was set to; left out of the message where it is None or True.
        why: the rest of the sentence that begins with field and value: "is not known; there are: off, light". Other
            fields that it speaks of stand in backticks.

    Attributes:
        field, value, why: as above.
    """

    def __init__(self, field: str, value: object, why: str) -> None:
        super().__init__(sentence(field, value, why))
        self.field, self.value, self.why = field, value, why


class DisplayError(PoseStrideError):
    """No window can be opened here."""


class ExportError(PoseStrideError):
    """A result can't be written or read."""


class StageStuckError(PoseStrideError):
    """A stage of a run does not come back from one frame."""


def sentence(name: str, value: object, why: str) -> str:
    """The message of a ``ConfigError`` whose field is called ``name``."""
    if value is None or value is True:
        return f"{name} {why}"
    if isinstance(value, float):
        return f"{name} {value:g} {why}"
    return f"{name} {str(value) if isinstance(value, PurePath) else repr(value)} {why}"


def unknown(field: str, value: str, known: Iterable[str]) -> ConfigError:
    """The error for an unknown name; its message gives the nearest known one."""
    return ConfigError(field, value, f"is not known; {nearest(value, known)}there are: {', '.join(known) or 'none'}")


def nearest(value: str, known: Iterable[str]) -> str:
    """ "did you mean 'light'? ", or nothing if no known name is like this one."""
    near = difflib.get_close_matches(value.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}? " if near and near[0] != value else ""
