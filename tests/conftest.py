"""Settings of all tests: deterministic examples, no time limits on a busy machine, no windows."""

from __future__ import annotations

import os

from hypothesis import settings

# Before OpenCV and ONNX Runtime start their threads: tests run beside other work.
os.environ.pop("DISPLAY", None)
os.environ.pop("WAYLAND_DISPLAY", None)

settings.register_profile("posestride", deadline=None, derandomize=True)
settings.load_profile("posestride")
