"""PoseStride: 3D human motion from one ordinary camera.

    import pipeline

    motion = pipeline.process("clip.mp4")
    print(motion[0].time_s, motion[0].smoothed_m)     # [N] seconds, [N, 17, 3] metres

The names below are the public face; docs/api.md has examples of all of them. Nothing is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline import errors
    from pipeline.api import lift_keypoints, process
    from pipeline.detect.create import create_detector
    from pipeline.export.read import read_results
    from pipeline.job import Observer, run_job
    from pipeline.job_options import JobOptions, ModelOptions, MotionOptions, ResultOptions, SourceOptions
    from pipeline.lift.create import create_lifter
    from pipeline.motion import Motion
    from pipeline.run.options import RunOptions
    from pipeline.run.pipeline import Pipeline
    from pipeline.sources import open_source
    from pipeline.types import Frame, Person, Pose2D, Pose3D, Rows

_MODULES = {
    "process": "pipeline.api",
    "lift_keypoints": "pipeline.api",
    "read_results": "pipeline.export.read",
    "Motion": "pipeline.motion",
    "run_job": "pipeline.job",
    "Observer": "pipeline.job",
    "JobOptions": "pipeline.job_options",
    "SourceOptions": "pipeline.job_options",
    "ModelOptions": "pipeline.job_options",
    "MotionOptions": "pipeline.job_options",
    "ResultOptions": "pipeline.job_options",
    "open_source": "pipeline.sources",
    "create_detector": "pipeline.detect.create",
    "create_lifter": "pipeline.lift.create",
    "Pipeline": "pipeline.run.pipeline",
    "RunOptions": "pipeline.run.options",
    "Frame": "pipeline.types",
    "Pose2D": "pipeline.types",
    "Pose3D": "pipeline.types",
    "Person": "pipeline.types",
    "Rows": "pipeline.types",
}

__all__ = [
    "Frame",
    "JobOptions",
    "ModelOptions",
    "Motion",
    "MotionOptions",
    "Observer",
    "Person",
    "Pipeline",
    "Pose2D",
    "Pose3D",
    "ResultOptions",
    "Rows",
    "RunOptions",
    "SourceOptions",
    "create_detector",
    "create_lifter",
    "errors",
    "lift_keypoints",
    "open_source",
    "process",
    "read_results",
    "run_job",
]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("pipeline.errors")
    if name in _MODULES:
        found = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
