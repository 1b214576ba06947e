"""Errors of the library speak of fields, those of the program of its options."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import app
from pipeline.commands.flags import FLAGS, in_flags
from pipeline.errors import ConfigError, ModelError, SourceError

PIPELINE = Path(app.__file__).parent / "pipeline"
# Fields that have no option: of the Python interface, or of what a source's name says.
NO_FLAGS = {"size_px", "time_s", "xy_px", "score", "every"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConfigError("start_s", 3.0, "is not valid"), "--start 3 is not valid"),
        (ConfigError("detector", "fats", "is not known"), "--detector 'fats' is not known"),
        (ConfigError("mirror", None, "is for cameras"), "--mirror is for cameras"),
        (ConfigError("folder", Path("out"), "holds; add `overwrite`"), "--out out holds; add --overwrite"),
        (ConfigError("end_s", 1.0, "lies before `start_s` (2 s)"), "--end 1 lies before --start (2 s)"),
        (ConfigError("every", 40, "does not fit `window`"), "every 40 does not fit --window"),
        (ConfigError("--json", "x", "lies in no folder"), "--json 'x' lies in no folder"),
        (ConfigError("fps", 0.0, "or `time_s`: one"), "--fps 0 or time_s: one"),
        (
            SourceError("camera 0 broke off, or let `reconnect` open it again"),
            "camera 0 broke off, or let --reconnect open it again",
        ),
        (ModelError("model x is missing"), "model x is missing"),
        (ValueError("plain"), "plain"),
    ],
)
def test_fields_become_options(error: Exception, message: str) -> None:
    assert in_flags(error) == message


def test_every_flag_is_an_option_of_a_verb() -> None:
    known = {"SOURCE"}
    for verb in ("run", "bench"):
        _, verbs = app.build_parsers([verb])
        known |= set(verbs[verb].options())
    assert set(FLAGS.values()) <= known


def fields_of_errors() -> dict[str, str]:
    """The fields that ``ConfigError`` and ``unknown`` are called with anywhere in pipeline/, and where."""
    found = {}
    for path in sorted(PIPELINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                field = node.args[0]
                if node.func.id in ("ConfigError", "unknown") and isinstance(field, ast.Constant):
                    found[str(field.value)] = f"{path.name}:{node.lineno}"
    return found


def test_every_field_that_an_error_names_has_an_option() -> None:
    named = fields_of_errors()
    assert {"detector", "start_s", "smooth", "formats"} <= set(named)
    lost = {field: where for field, where in named.items() if not field.startswith("--")}
    assert {field: where for field, where in lost.items() if field not in FLAGS and field not in NO_FLAGS} == {}
