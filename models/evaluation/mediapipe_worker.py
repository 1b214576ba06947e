"""MediaPipe Pose behind a pipe, in an interpreter of its own: it needs older packages than this project does.

    PYTHON models/evaluation/mediapipe_worker.py

``mediapipe_process.py`` starts it and sends it requests. Nothing but the standard library and the packages of
``benchmarks/requirements-mediapipe.txt`` is imported. Each request is a line of JSON on standard input, each answer one
on standard output:

    {"do": "start", "complexity": 2}
        {"versions": {...}, "opencv_threads": 2, "network_sha256": "..."}
    {"do": "look", "height": 540, "width": 960, "draw": true}, then height * width * 3 bytes, BGR
        {"ms": 31.4, "cpu_ms": 31.9, "world_m": [[x, y, z], ... 33 landmarks] or null}

Every start forgets the person; tracking from picture to picture and smoothing are on, as in a live run. The times are
those of turning BGR into RGB (the camera's order into MediaPipe's), of finding the pose, 2D and 3D, and of drawing the
landmarks on the picture where that is asked for; ``cpu_ms`` is the same over all threads. A failure is answered
by {"error": "..."}.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import mediapipe
import numpy as np
from mediapipe.python.solutions import drawing_styles, drawing_utils, pose

_NETWORKS = Path(mediapipe.__file__).parent / "modules" / "pose_landmark"
_SIZES = ("lite", "full", "heavy")


class Worker:
    """One network of MediaPipe Pose at a time.

    Args:
        requests: where pictures are read from.
    """

    def __init__(self, requests: BinaryIO) -> None:
        self._requests = requests
        self._pose: Any = None

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start anew with a network; the first time, mediapipe downloads 'lite' and 'heavy'."""
        if self._pose is not None:
            self._pose.close()
        complexity = int(request["complexity"])
        self._pose = pose.Pose(static_image_mode=False, model_complexity=complexity, smooth_landmarks=True)
        versions = {"python": platform.python_version(), "numpy": np.__version__, "opencv": cv2.__version__}
        network = _NETWORKS / f"pose_landmark_{_SIZES[complexity]}.tflite"
        return {
            "versions": {"mediapipe": mediapipe.__version__, **versions},
            "opencv_threads": cv2.getNumThreads(),
            "network_sha256": hashlib.sha256(network.read_bytes()).hexdigest() if network.is_file() else None,
        }

    def look(self, request: dict[str, Any]) -> dict[str, Any]:
        """Find the person in the next picture."""
        shape = (int(request["height"]), int(request["width"]), 3)
        # an array of its own, which may be drawn on
        image = np.frombuffer(self._requests.read(int(np.prod(shape))), np.uint8).reshape(shape).copy()
        started_s, cpu_s = time.perf_counter(), time.process_time()
        found = self._pose.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        if request["draw"]:
            drawing_utils.draw_landmarks(
                image,
                found.pose_landmarks,
                pose.POSE_CONNECTIONS,
                landmark_drawing_spec=drawing_styles.get_default_pose_landmarks_style(),
            )
        ms, cpu_ms = 1000 * (time.perf_counter() - started_s), 1000 * (time.process_time() - cpu_s)
        world = found.pose_world_landmarks
        points = None if world is None else [(point.x, point.y, point.z) for point in world.landmark]
        return {"ms": ms, "cpu_ms": cpu_ms, "world_m": points}


def serve(requests: BinaryIO, answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer requests until there are no more."""
    worker = Worker(requests)
    tasks = {"start": worker.start, "look": worker.look}
    for line in iter(requests.readline, b""):
        request = json.loads(line)
        try:
            answer(tasks[request["do"]](request))
        except Exception as error:  # whatever mediapipe raises is the answer
            answer({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    """Serve on standard input and output."""
    # mediapipe prints its downloads to standard output: that goes to standard error, so that only answers are there
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def answer(found: dict[str, Any]) -> None:
            print(json.dumps(found), file=answers, flush=True)

        serve(sys.stdin.buffer, answer)


if __name__ == "__main__":
    main()
