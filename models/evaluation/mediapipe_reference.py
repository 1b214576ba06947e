"""A reference: MediaPipe Pose's world landmarks on the same footage, judged by the same rules.

Every frame is shown to MediaPipe in order, with its tracking and smoothing on.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import cast

import numpy as np

from models.evaluation.figures import FootageFigures, FootageResult, MediaPipeFields
from models.evaluation.mediapipe_process import NETWORKS, MediaPipeProcess
from models.evaluation.on_footage import F64, View, average, score
from pipeline.skeletons import BLAZEPOSE_33
from pipeline.sources import open_source


def world_landmarks(view: View, mediapipe: MediaPipeProcess) -> F64:
    """float64 [N, J, 3], metres, camera axes; NaN where MediaPipe, just started, finds no person.

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


def reference(views: Sequence[View], python: str, complexity: int, data: str) -> FootageResult:
    """The figures of one network.

    Args:
        views: the footage.
        python: an interpreter that has the packages of ``benchmarks/requirements-mediapipe.txt``.
        complexity: of the network, see ``NETWORKS``.
        data: name of the footage.

    Raises:
        PoseStrideError: a video can't be read, or MediaPipe can't be started or failed.
    """
    scores = {}
    with closing(MediaPipeProcess(python)) as mediapipe:
        for view in views:
            about = mediapipe.start(complexity)  # nothing is followed from one video to the next
            scores[view.name] = score(world_landmarks(view, mediapipe), view)
    model: MediaPipeFields = {"name": f"MediaPipe {NETWORKS[complexity]}", "complexity": complexity, **about}
    figures = {"views": scores, "average": average(list(scores.values()))}
    return FootageResult(model, data, cast(FootageFigures, figures))
