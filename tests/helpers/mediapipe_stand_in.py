"""A package named mediapipe with known answers, for the worker's interpreter.

The world landmarks of the n-th picture after a start are ``landmarks(n)``, but for the last one: its x is the mean red
of the picture, its y how often was drawn, its z the complexity. In a black picture there is nobody. Complexity 0
fails like a download without a network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

_POSE = """
import os, time
from types import SimpleNamespace
import numpy as np
from mediapipe.python.solutions import drawing_utils

POSE_CONNECTIONS = frozenset({(11, 12)})

class Pose:
    def __init__(self, static_image_mode, model_complexity, smooth_landmarks):
        assert not static_image_mode and smooth_landmarks
        print("Downloading model to ...")
        if model_complexity == 0:
            raise OSError("no network")
        self.complexity, self.pictures = model_complexity, 0

    def process(self, rgb):
        if os.environ.get("STAND_IN") == "dies":
            os.write(2, b"first words\\nlast words\\n")
            os._exit(7)
        if os.environ.get("STAND_IN") == "sleeps":
            time.sleep(600)
        n, self.pictures = self.pictures, self.pictures + 1
        if not rgb.any():
            return SimpleNamespace(pose_landmarks=None, pose_world_landmarks=None)
        points = np.sin(np.arange(99).reshape(33, 3) ** 2 * 1.7 + 0.3 * n) * 0.4
        points[32] = rgb[..., 0].mean(), drawing_utils.drawn, self.complexity
        landmark = [SimpleNamespace(x=x, y=y, z=z) for x, y, z in points.tolist()]
        return SimpleNamespace(pose_landmarks="some", pose_world_landmarks=SimpleNamespace(landmark=landmark))

    def close(self):
        pass
"""
_DRAWING_UTILS = """
drawn = 0

def draw_landmarks(image, landmarks, connections, landmark_drawing_spec):
    global drawn
    drawn += 1
    image[:] = 0
"""
_FILES = {
    "__init__.py": '__version__ = "0.0.1"\n',
    "python/__init__.py": "",
    "python/solutions/__init__.py": "",
    "python/solutions/pose.py": _POSE,
    "python/solutions/drawing_utils.py": _DRAWING_UTILS,
    "python/solutions/drawing_styles.py": "def get_default_pose_landmarks_style():\n    return {}\n",
    "modules/pose_landmark/pose_landmark_heavy.tflite": "network",
}


def write_stand_in(folder: Path) -> Path:
    """Write the package into a folder, which is returned: the value for PYTHONPATH."""
    for name, text in _FILES.items():
        file = folder / "mediapipe" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def landmarks(number: int) -> np.ndarray:
    """float64 [33, 3], what is found in the picture of this number (but the last landmark)."""
    return np.sin(np.arange(99).reshape(33, 3) ** 2 * 1.7 + 0.3 * number) * 0.4
