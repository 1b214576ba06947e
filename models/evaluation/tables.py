"""Tables of results, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from models.evaluation.figures import FootageFigures, FootageResult, MocapResult

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
_FOOTAGE_LEGEND = "mm; P: P-MPJPE, S: root-relative MPJPE, one size factor per clip, jitter: mean second difference"
_JOINT_COLUMNS = 6


def mocap_table(results: Sequence[MocapResult]) -> str:
    """One row per model and condition, then its look-aheads and qualities; mm."""
    rows = []
    for result in results:
        name = result.model["name"]
        for condition, figures in result.conditions.items():
            rows.append([name, condition, *_cells(figures, _MOCAP_COLUMNS)])
        for label, figures in result.alternatives.labelled():
            rows.append([name, label, *_cells(figures, _MOCAP_COLUMNS)])
    return _table(["model", "2D input", *(title for _, title in _MOCAP_COLUMNS)], rows)


def footage_table(results: Sequence[FootageResult]) -> str:
    """One row per model (and look-ahead, and quality), three columns per view; mm."""
    views = list(results[0].figures["views"])
    if len(views) > 1 and len({view.rpartition("_")[0] for view in views}) == 1:  # of one scene: the cameras are enough
        views = [view.rpartition("_")[2] for view in views]
    head = ["model", *(f"{view} {title}" for view in [*views, "average"] for _, title in _FOOTAGE_COLUMNS)]
    rows = []
    for result in results:
        name = result.model["name"]
        rows.append([name, *_footage_cells(result.figures)])
        for label, figures in result.alternatives.labelled():
            rows.append([f"{name}, {label}", *_footage_cells(figures)])
    return f"{_table(head, rows)}\n{_FOOTAGE_LEGEND}"


def details(result: MocapResult, condition: str) -> str:
    """Per joint and per action figures of one condition of one model."""
    figures = result.conditions[condition]
    joints = [f"{joint} {_cell(value)}" for joint, value in figures["per_joint_mm"].items()]
    lines = [f"{result.model['name']}, {condition}, MPJPE per joint (mm):"]
    lines += ["  " + "  ".join(joints[i : i + _JOINT_COLUMNS]) for i in range(0, len(joints), _JOINT_COLUMNS)]
    rows = [
        [action, _cell(entry["mpjpe_mm"]), _cell(entry["p_mpjpe_mm"]), str(entry["frames"])]
        for action, entry in figures["per_action"].items()
    ]
    return "\n".join([*lines, _table(["action", "MPJPE", "P-MPJPE", "frames"], rows)])


def _footage_cells(figures: FootageFigures) -> list[str]:
    parts = [*figures["views"].values(), figures["average"]]
    return [cell for part in parts for cell in _cells(part, _FOOTAGE_COLUMNS)]


def _cells(figures: Mapping[str, object], columns: Iterable[tuple[str, str]]) -> list[str]:
    return [_cell(figures[key]) for key, _ in columns]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


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
