"""MediaPipe Pose's world landmarks on the same footage, judged by the same rules, as a reference.

    python -m models.evaluation.mediapipe_reference --on FOLDER --mediapipe-python PYTHON [--complexity 0 1 2]

PYTHON is an interpreter that has the packages of ``benchmarks/requirements-mediapipe.txt``. Every frame is shown to
MediaPipe in order, with its tracking and smoothing on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from models.evaluation.mediapipe_process import NETWORKS, MediaPipeProcess
from models.evaluation.on_footage import F64, View, average, load_views, score
from models.evaluation.tables import footage_table
from pipeline.errors import PoseStrideError
from pipeline.export.run_json import write_run_json
from pipeline.skeletons import BLAZEPOSE_33
from pipeline.sources import open_source


def world_landmarks(view: View, mediapipe: MediaPipeProcess) -> F64:
    """float64 [N, J, 3], metres, camera axes; NaN where MediaPipe, just started, finds nobody.

    Raises:
        SourceError: the video can't be read.
        ModelError: MediaPipe failed.
    """
    rows = {int(frame): row for row, frame in enumerate(view.frame_index)}
    chosen = [BLAZEPOSE_33.index(joint) for joint in view.joints]
    predicted = np.full(view.truth_m.shape, np.nan)
    with closing(open_source(str(view.video))) as source:
        for frame in source:
            points = mediapipe.look(frame.image).world_m
            if points is not None and frame.index in rows:
                predicted[rows[frame.index]] = points[chosen]
    return predicted


def reference(views: Sequence[View], python: str, complexity: int) -> dict[str, Any]:
    """The figures of one network: an object as ``evaluate`` makes of a lifter.

    Raises:
        PoseStrideError: a video can't be read, or MediaPipe can't be started or failed.
    """
    scores: dict[str, Any] = {}
    with closing(MediaPipeProcess(python)) as mediapipe:
        for view in views:
            about = mediapipe.start(complexity)  # nothing is followed from one video to the next
            scores[view.name] = score(world_landmarks(view, mediapipe), view)
    model = {"name": f"MediaPipe {NETWORKS[complexity]}", "complexity": complexity, **about}
    return {"model": model, "views": scores, "average": average(list(scores.values()))}


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.evaluation.mediapipe_reference``."""
    parser = argparse.ArgumentParser(prog="mediapipe_reference", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--on", type=Path, required=True, metavar="FOLDER", help="footage, see models/evaluation/on_footage.py"
    )
    parser.add_argument(
        "--mediapipe-python", default=sys.executable, metavar="PYTHON", help="an interpreter that has mediapipe"
    )
    parser.add_argument(
        "--complexity", type=int, nargs="+", choices=NETWORKS, default=[2], help="0 lite, 1 full, 2 heavy (default: 2)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args(arguments)
    views = load_views(options.on)
    results = [reference(views, options.mediapipe_python, complexity) for complexity in options.complexity]
    print(footage_table(results))
    if options.json is not None:
        write_run_json(options.json, results[0] if len(results) == 1 else {"results": results})


if __name__ == "__main__":
    try:
        main()
    except PoseStrideError as failure:
        sys.exit(f"error: {failure}")
