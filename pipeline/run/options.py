"""How a run makes poses from keypoints."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.place.scale import height_scale
from pipeline.smooth.presets import find_preset


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How poses are made from keypoints.

    Attributes:
        height_m: the person's height, which sets the size of the poses; None: bodies of 1.70 m.
        focal_px: focal length of the camera; None: that of a usual phone or webcam is assumed.
        smooth: name of a smoothing preset, see ``pipeline.smooth.presets``.
        repair_swaps: repair left/right swaps of the 2D track.
        detect_every: N: the detector sees every Nth frame only; the lifter fills the others.
        preview_lookahead: live sources: draw previews of the frame this far behind the newest one. None, or no less
            than the lifter's own look-ahead: draw settled poses.

    Raises:
        ConfigError: a value makes no sense.
    """

    height_m: float | None = None
    focal_px: float | None = None
    smooth: str = "off"
    repair_swaps: bool = True
    detect_every: int = 1
    preview_lookahead: int | None = None

    def __post_init__(self) -> None:
        find_preset(self.smooth)
        if self.height_m is not None:
            height_scale(self.height_m)
        if self.focal_px is not None and not 0 < self.focal_px < float("inf"):
            raise ConfigError("focal_px", self.focal_px, "is not a focal length in pixels; for example 1100")
        if self.detect_every < 1:
            raise ConfigError("detect_every", self.detect_every, "is not valid; 1 is every frame, 2 every second one")
        if self.preview_lookahead is not None and self.preview_lookahead < 0:
            raise ConfigError("preview_lookahead", self.preview_lookahead, "is not valid; 0 is the newest frame")

    @property
    def size_factor(self) -> float:
        """Factor on all lifted coordinates."""
        return 1.0 if self.height_m is None else height_scale(self.height_m)
