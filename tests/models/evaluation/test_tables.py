from __future__ import annotations

from models.evaluation.figures import (
    Alternatives,
    FootageFigures,
    FootageResult,
    HeadFigures,
    ModelFields,
    QualityFigures,
    ViewFigures,
)
from models.evaluation.tables import footage_table

VIEW: ViewFigures = {
    "p_mpjpe_mm": 81.26,
    "s_mpjpe_mm": 102.9,
    "jitter_mm": None,
    "scale": 1.0,
    "per_joint_p_mm": {},
    "per_joint_s_mm": {},
    "frames": 9,
    "frames_without_pose": 0,
}


def figures(*views: str) -> FootageFigures:
    return {"views": dict.fromkeys(views, VIEW), "average": VIEW}


def model(name: str) -> ModelFields:
    return {"name": name, "sha256": "0" * 64, "window": 27, "lookahead": 13, "normalisation": "person-view"}


def test_footage_has_a_row_per_model_and_short_names_of_views() -> None:
    both = figures("balance_cam01", "balance_cam02")
    alternatives = Alternatives([HeadFigures(3, both)], [QualityFigures("fast", 0.217, both)])
    results = [
        FootageResult(model("lift-27"), "footage", both, alternatives=alternatives),
        FootageResult(model("mediapipe"), "footage", both),
    ]
    head, *rows, legend = footage_table(results).splitlines()
    assert "cam01 P" in head and "average jitter" in head and "balance" not in head
    assert [row.split("  ")[0] for row in rows] == [
        "lift-27",
        "lift-27, sequence head, look-ahead 3",
        "lift-27, --quality fast, 0.22 passes per frame",
        "mediapipe",
    ]
    assert rows[0].split()[1:4] == ["81.3", "102.9", "-"]
    assert "P-MPJPE" in legend


def test_views_that_share_nothing_keep_their_names() -> None:
    for names in (["left", "leg"], ["only_cam01"]):
        head = footage_table([FootageResult(model("m"), "footage", figures(*names))]).splitlines()[0]
        assert all(f"{name} P" in head for name in names)


def test_only_what_was_asked_for_is_stored() -> None:
    one = figures("left")
    assert FootageResult(model("m"), "f", one).to_json() == {"model": model("m"), "data": "f", **one}
    alternatives = Alternatives([HeadFigures(3, one)])
    stored = FootageResult(model("m"), "f", one, "fast", 900.0, {"known_focal": True}, alternatives).to_json()
    assert stored["detector"] == "fast" and stored["focal_px"] == 900 and stored["known_focal"]
    assert stored["lookaheads"] == [{"head": "sequence", "lookahead": 3, **one}] and "qualities" not in stored
