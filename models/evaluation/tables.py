"""Results as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_MOCAP_COLUMNS = (
    ("mpjpe_mm", "MPJPE"),
    ("p_mpjpe_mm", "P-MPJPE"),
    ("n_mpjpe_mm", "N-MPJPE"),
    ("mpjve_mm", "MPJVE"),
    ("acceleration_error_mm", "accel."),
    ("bone_length_variation_percent", "bones %"),
    ("upper_body_mpjpe_mm", "upper"),
    ("frames", "frames"),
    ("frames_without_pose", "no pose"),
)
_FOOTAGE_COLUMNS = (("p_mpjpe_mm", "P"), ("s_mpjpe_mm", "S"), ("jitter_mm", "jitter"))
_FOOTAGE_LEGEND = "mm; P: P-MPJPE, S: root-relative MPJPE after one scale per clip, jitter: mean second difference"
_JOINT_COLUMNS = 6


def mocap_table(results: Sequence[dict[str, Any]]) -> str:
    """One row per model and condition, then its look-aheads and qualities; mm."""
    rows = []
    for result in results:
        name = result["model"]["name"]
        for condition in result["protocol"]["conditions"]:
            rows.append([name, condition, *_cells(result[condition], _MOCAP_COLUMNS)])
        for entry in _entries(result):
            rows.append([name, _at(entry), *_cells(entry, _MOCAP_COLUMNS)])
    return _table(["model", "2D input", *(title for _, title in _MOCAP_COLUMNS)], rows)


def footage_table(results: Sequence[dict[str, Any]]) -> str:
    """One row per model (and look-ahead, and quality), three columns per view; mm."""
    views = list(results[0]["views"])
    if len(views) > 1 and len({view.rpartition("_")[0] for view in views}) == 1:  # one recording: its cameras say all
        views = [view.rpartition("_")[2] for view in views]
    head = ["model", *(f"{view} {title}" for view in [*views, "average"] for _, title in _FOOTAGE_COLUMNS)]
    rows = []
    for result in results:
        model = result["model"]
        name = model if isinstance(model, str) else model["name"]
        rows.append([name, *_footage_cells(result)])
        for entry in _entries(result):
            rows.append([f"{name}, {_at(entry)}", *_footage_cells(entry)])
    return f"{_table(head, rows)}\n{_FOOTAGE_LEGEND}"


def details(result: dict[str, Any], condition: str) -> str:
    """Per joint and per action figures of one condition of one model."""
    figures = result[condition]
    joints = [f"{joint} {_cell(value)}" for joint, value in figures["per_joint_mm"].items()]
    lines = [f"{result['model']['name']}, {condition}, MPJPE per joint (mm):"]
    lines += ["  " + "  ".join(joints[i : i + _JOINT_COLUMNS]) for i in range(0, len(joints), _JOINT_COLUMNS)]
    rows = [
        [action, _cell(entry["mpjpe_mm"]), _cell(entry["p_mpjpe_mm"]), str(entry["frames"])]
        for action, entry in figures["per_action"].items()
    ]
    return "\n".join([*lines, _table(["action", "MPJPE", "P-MPJPE", "frames"], rows)])


def _entries(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Other ways to get poses from the same model."""
    return [*result.get("lookaheads", ()), *result.get("qualities", ())]


def _at(entry: dict[str, Any]) -> str:
    if "quality" in entry:
        return f"--quality {entry['quality']}, {entry['passes_per_frame']:.2f} passes per frame"
    return f"{entry['head']} head, look-ahead {entry['lookahead']}"


def _footage_cells(result: dict[str, Any]) -> list[str]:
    parts = [*result["views"].values(), result["average"]]
    return [cell for part in parts for cell in _cells(part, _FOOTAGE_COLUMNS)]


def _cells(figures: dict[str, Any], columns: Iterable[tuple[str, str]]) -> list[str]:
    return [_cell(figures[key]) for key, _ in columns]


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text columns left, figures right."""
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    text = [not any(_is_figure(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(line, widths, text, strict=True)
        ).rstrip()
        for line in [head, *rows]
    )


def _is_figure(cell: str) -> bool:
    return cell.replace(".", "", 1).replace("-", "", 1).isdigit()
