from __future__ import annotations

from models.evaluation.tables import footage_table

FIGURES = {"p_mpjpe_mm": 81.26, "s_mpjpe_mm": 102.9, "jitter_mm": None}


def test_footage_has_a_row_per_model_and_short_names_of_views() -> None:
    views = {"balance_cam01": FIGURES, "balance_cam02": FIGURES}
    entry = {"head": "sequence", "lookahead": 3, "views": views, "average": FIGURES}
    quality = {"quality": "fast", "passes_per_frame": 0.217, "views": views, "average": FIGURES}
    results = [
        {
            "model": {"name": "lift-27"},
            "views": views,
            "average": FIGURES,
            "lookaheads": [entry],
            "qualities": [quality],
        },
        {"model": "mediapipe", "views": views, "average": FIGURES},
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
        views = dict.fromkeys(names, FIGURES)
        head = footage_table([{"model": "m", "views": views, "average": FIGURES}]).splitlines()[0]
        assert all(f"{name} P" in head for name in names)
