"""Fields to options: errors of the library name fields, errors of the command line name options."""

from __future__ import annotations

import re

from pipeline.errors import ConfigError, sentence

FLAGS = {
    "detect_every": "--detect-every",
    "detector": "--detector",
    "device": "--device",
    "end_s": "--end",
    "focal_px": "--focal-px",
    "folder": "--out",
    "formats": "--formats",
    "fourcc": "--fourcc",
    "fps": "--fps",
    "height_m": "--height",
    "latency": "--latency",
    "lifter": "--model",
    "mirror": "--mirror",
    "overwrite": "--overwrite",
    "paced": "--live",
    "patience_s": "--timeout",
    "preset": "--preset",
    "preview_lookahead": "--latency",
    "quality": "--quality",
    "reconnect": "--reconnect",
    "refiner": "--refine",
    "size": "--size",
    "smooth": "--smooth",
    "source": "SOURCE",
    "start_s": "--start",
    "threads": "--threads",
    "window": "--window",
}
"""Field -> option. A field that is not here keeps its name."""


def in_flags(error: Exception) -> str:
    """The message of an error, with options in place of fields."""
    if not isinstance(error, ConfigError):
        return _flags_for_fields(str(error))
    return sentence(FLAGS.get(error.field, error.field), error.value, _flags_for_fields(error.why))


def _flags_for_fields(text: str) -> str:
    """The text, with fields in backticks replaced by their options."""
    return re.sub(r"`(\w+)`", lambda found: FLAGS.get(found[1], found[1]), text)
