"""The figures of ``app.py evaluate``, written into a lifter's card.

    python app.py evaluate lift-27 --on DATA --lookaheads 0,3,13 --quality fast,best --json figures.json
    python -m benchmarks.bench_delay --data DATA --json delay.json
    python app.py models card weights/lift-27.json figures.json delay.json [more.json ...]

Only figures of exactly the weights that the card describes are taken, so a card never quotes another model. Previews of
a live run may come from a second model: its name and weights are noted, and its card must lie beside this one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.runtime.cards import read_card

Json = dict[str, Any]
"""An object of a JSON file; its fields are checked before use."""

_CONDITION_KEYS = (
    "mpjpe_mm",
    "p_mpjpe_mm",
    "n_mpjpe_mm",
    "mpjve_mm",
    "acceleration_error_mm",
    "bone_length_variation_percent",
    "upper_body_mpjpe_mm",
    "upper_body_p_mpjpe_mm",
)
_TIER_KEYS = (*_CONDITION_KEYS[:4], "s_mpjpe_mm", "jitter_mm")

_PREVIEWED_BY = "provisional_by"  # as benchmarks/bench_delay.py writes it

LIVE = "live, by tier and look-ahead"
"""Name of the figures of ``benchmarks/bench_delay.py`` in a card."""

_VIEW_KEYS = ("p_mpjpe_mm", "s_mpjpe_mm", "jitter_mm")


def figures_for_card(result: Json) -> Json:
    """The figures of one result of ``evaluate`` that belong in a card: no lists per joint, action or person."""
    if "mocap" in result or "footage" in result:  # of benchmarks/bench_delay.py: figures by tier
        return _selected(result, (_PREVIEWED_BY,)) | {
            where: {tier: _selected(found.get("average", found), _TIER_KEYS) for tier, found in tiers.items()}
            for where, tiers in result.items()
            if where in ("mocap", "footage")
        }
    if "views" in result:
        figures: Json = {
            "detector": result["detector"],
            **{view: _selected(scores, _VIEW_KEYS) for view, scores in result["views"].items()},
            "average": _selected(result["average"], _VIEW_KEYS),
        }
    else:
        protocol = result["protocol"]
        figures = {"people": protocol["people"], "clips": protocol["clips"]}
        figures |= {name: _selected(result[name], _CONDITION_KEYS) for name in protocol["conditions"]}
    if "lookaheads" in result:
        figures["full_sequence_head_by_lookahead"] = {
            str(entry["lookahead"]): _selected(entry.get("average", entry), _TIER_KEYS)
            for entry in result["lookaheads"]
        }
    if "qualities" in result:
        figures["by_quality"] = {
            entry["quality"]: _selected(entry, ("passes_per_frame",))
            | _selected(entry.get("average", entry), _TIER_KEYS)
            for entry in result["qualities"]
        }
    return figures


def annotate(card_path: Path, figure_files: list[Path]) -> list[str]:
    """Write the figures of these files into the card; returns the names of the data sets that it has figures for.

    Raises:
        DataError: a file can't be read, or holds no figures of this card's weights.
        ModelError: the card is not valid.
    """
    read_card(card_path)
    card = _read_figures(card_path)
    for path in figure_files:
        data = _read_figures(path)
        own = [r for r in data.get("results", [data]) if _weights_of(r) == card["sha256"]]
        if not own:
            raise DataError(
                f"{path} has no figures of the weights {card['name']} (SHA-256 {card['sha256'][:12]}...); "
                "run evaluate again with these weights"
            )
        if len({result.get("data", LIVE) for result in own}) < len(own):
            raise DataError(f"{path} has several results of {card['name']} for the same data; give files with one each")
        for result in own:
            _check_previewer(result, card_path, path)
            card["metrics"][result.get("data", LIVE)] = figures_for_card(result)
    card_path.write_text(json.dumps(card, indent=2) + "\n")
    read_card(card_path)
    return list(card["metrics"])


def _read_figures(path: Path) -> Json:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            f"{path} can't be read as figures ({error}); give a file of 'app.py evaluate --json'"
        ) from error
    if not isinstance(data, dict):
        raise DataError(f"{path} holds no JSON object; give a file of 'app.py evaluate --json'")
    return data


def _check_previewer(result: Json, card_path: Path, path: Path) -> None:
    """Raise ``DataError`` unless previews by a second model are by its present weights."""
    by = result.get(_PREVIEWED_BY)
    if by is not None and read_card(card_path.with_name(f"{by['name']}.json")).sha256 != by["sha256"]:
        raise DataError(f"{path} has previews by other weights of {by['name']}; run bench_delay again")


def _weights_of(result: Json) -> str | None:
    """SHA-256 of the weights of a result; ``evaluate`` and ``bench_delay`` store it in different places."""
    model = result.get("model")
    found = model.get("sha256") if isinstance(model, dict) else result.get("sha256")
    return None if found is None else str(found)


def _selected(source: Json, keys: tuple[str, ...]) -> Json:
    return {key: source[key] for key in keys if key in source}
