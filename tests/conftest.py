"""Settings of all tests: deterministic examples, no time limits on a busy machine, no windows."""

from __future__ import annotations

import os

from hypothesis import settings

# Before OpenCV and ONNX Runtime start their threads: tests run beside other work.
os.environ.pop("DISPLAY", None)
os.environ.pop("WAYLAND_DISPLAY", None)
# The networks of tests are too small to be shared by cores, and PyTorch's threads wait for each other in a loop.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("posestride", deadline=None, derandomize=True)
settings.load_profile("posestride")
