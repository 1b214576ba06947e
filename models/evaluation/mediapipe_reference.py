"""MediaPipe Pose's world landmarks on the same footage, judged by the same rules, as a reference.

    python -m models.evaluation.mediapipe_reference FOLDER [--complexity 2] [--json FILE]

Needs the package ``mediapipe`` (0.10.21 gave the figures that we quote); nothing else in the project does.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.evaluation.on_footage import F64, View, average, load_views, score
from models.evaluation.tables import footage_table
from pipeline.errors import ConfigError, PoseStrideError
from pipeline.export.run_json import write_run_json
from pipeline.skeletons import BLAZEPOSE_33
from pipeline.sources import open_source


def world_landmarks(view: View, complexity: int) -> F64:
    """float64 [N, J, 3], metres, camera axes; NaN where MediaPipe finds nobody.

    Raises:
        ConfigError: mediapipe is not installed.
    """
    try:
        from mediapipe.python.solutions.pose import Pose
    except ImportError as error:
        raise ConfigError(f"mediapipe can't be imported ({error}); pip install mediapipe==0.10.21") from error
    rows = {int(frame): row for row, frame in enumerate(view.frame_index)}
    chosen = [BLAZEPOSE_33.index(joint) for joint in view.joints]
    predicted = np.full(view.truth_m.shape, np.nan)
    with closing(open_source(str(view.video))) as source, Pose(model_complexity=complexity) as pose:
        for frame in source:
            landmarks = pose.process(cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)).pose_world_landmarks
            if landmarks is not None and frame.index in rows:
                points = np.array([(point.x, point.y, point.z) for point in landmarks.landmark])
                predicted[rows[frame.index]] = points[chosen]
    return predicted


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.evaluation.mediapipe_reference``."""
    parser = argparse.ArgumentParser(prog="mediapipe_reference", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="footage with truth, see models/evaluation/on_footage.py")
    parser.add_argument("--complexity", type=int, choices=(0, 1, 2), default=2, help="0 lite, 1 full, 2 heavy")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args(arguments)
    views: dict[str, Any] = {
        view.name: score(world_landmarks(view, options.complexity), view) for view in load_views(options.folder)
    }
    name = f"mediapipe complexity {options.complexity}"
    result = {"model": name, "views": views, "average": average(list(views.values()))}
    print(footage_table([result]))
    if options.json is not None:
        write_run_json(options.json, result)


if __name__ == "__main__":
    try:
        main()
    except PoseStrideError as failure:
        sys.exit(f"error: {failure}")
