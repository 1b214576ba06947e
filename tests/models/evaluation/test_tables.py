from __future__ import annotations

from models.evaluation.figures import Alternatives, FootageFigures, FootageResult, HeadFigures, QualityFigures
from models.evaluation.tables import footage_table

FIGURES = {"p_mpjpe_mm": 81.26, "s_mpjpe_mm": 102.9, "jitter_mm": None}


def figures(*views: str) -> FootageFigures:
    return {"views": dict.fromkeys(views, FIGURES), "average": FIGURES}


def test_footage_has_a_row_per_model_and_short_names_of_views() -> None:
    both = figures("balance_cam01", "balance_cam02")
    alternatives = Alternatives([HeadFigures(3, both)], [QualityFigures("fast", 0.217, both)])
    results = [
        FootageResult({"name": "lift-27"}, "footage", both, alternatives=alternatives),
        FootageResult({"name": "mediapipe"}, "footage", both),
    ]
    head, *rows, legend = footage_table(results).splitlines()  # type: ignore[arg-type]
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
        head = footage_table([FootageResult({"name": "m"}, "footage", figures(*names))]).splitlines()[0]
        assert all(f"{name} P" in head for name in names)


def test_only_what_was_asked_for_is_stored() -> None:
    one = figures("left")
    assert FootageResult({"name": "m"}, "f", one).to_json() == {"model": {"name": "m"}, "data": "f", **one}
    alternatives = Alternatives([HeadFigures(3, one)])
    stored = FootageResult({"name": "m"}, "f", one, "fast", 900.0, {"known_focal": True}, alternatives).to_json()
    assert stored["detector"] == "fast" and stored["focal_px"] == 900 and stored["known_focal"]
    assert stored["lookaheads"] == [{"head": "sequence", "lookahead": 3, **one}] and "qualities" not in stored
