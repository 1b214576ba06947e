"""The axes of the 3D panel, drawn once by matplotlib, and the projection of that drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.arrays import U8
from pipeline.render.palette import BACKGROUND, FLOOR, GRID, TEXT_FAINT, as_rgb, mix
from pipeline.render.plate import LEAST_TEXT_PX

HALF_WIDTH_M = 1.0
HEIGHT_M = 2.0
# Seen from the camera's side, a little from the right and from above: left stays left, and depth shows.
_AZIMUTH_DEG = -68.0
_ELEVATION_DEG = 14.0
# The figure is always this large for matplotlib, so that letters and their distances scale with the panel.
_SIDE_INCH = 7.2
_TEXT_PT = 10.5
# Letters have a least size, so small panels have room for fewer words: below the first size the axes lose some numbers,
# below the second their names and all numbers but heights, below the third the heights too.
_MIN_FULL_PX, _MIN_NAMED_PX, _MIN_LABELLED_PX = 700, 460, 320


@dataclass(frozen=True)
class Axes3D:
    """A picture of empty axes and its projection.

    Attributes:
        image: uint8 [H, W, 3] BGR.
        matrix: float64 [3, 4], takes (across, away, up, 1) in metres to homogeneous pixels (OpenCV's: the centre of the
            top left pixel is 0, 0). The third homogeneous coordinate grows with the distance from the eye.
    """

    image: U8
    matrix: NDArray[np.float64]

    def project(self, points_m: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels [N, 2] and distances [N] (in units of matplotlib's view) of points [N, 3] (across, away, up)."""
        homogeneous = points_m.astype(np.float64) @ self.matrix[:, :3].T + self.matrix[:, 3]
        return homogeneous[:, :2] / homogeneous[:, 2:], homogeneous[:, 2]


def draw_axes(width_px: int, height_px: int) -> Axes3D:
    """Draw the axes: a floor of 2 m x 2 m and 2 m of height, labelled in metres."""
    figure, axes = make_figure(width_px, height_px)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    rgba = np.asarray(canvas.buffer_rgba())
    return Axes3D(np.ascontiguousarray(rgba[..., 2::-1]), _projection(axes, height_px))


def _projection(axes: Any, height_px: int) -> NDArray[np.float64]:
    to_screen = axes.transData.get_matrix() @ axes.get_proj()[[0, 1, 3]]
    # matplotlib counts upwards from the lower edge of the picture, OpenCV downwards from the centre of the first pixel.
    to_pixels = np.array([[1, 0, -0.5], [0, -1, height_px - 0.5], [0, 0, 1]], np.float64)
    return np.asarray(to_pixels @ to_screen, np.float64)


def make_figure(width_px: int, height_px: int) -> tuple[Figure, Any]:
    """The matplotlib figure of the axes, and the axes."""
    side_px = min(width_px, height_px)
    dpi = side_px / _SIDE_INCH
    figure = Figure(figsize=(width_px / dpi, height_px / dpi), dpi=dpi, facecolor=as_rgb(BACKGROUND))
    axes: Any = figure.add_axes((0.0, 0.0, 1.0, 1.0), projection="3d", facecolor=as_rgb(BACKGROUND))
    axes.set(xlim=(-HALF_WIDTH_M, HALF_WIDTH_M), ylim=(-HALF_WIDTH_M, HALF_WIDTH_M), zlim=(0, HEIGHT_M))
    full, named, labelled = (side_px >= least for least in (_MIN_FULL_PX, _MIN_NAMED_PX, _MIN_LABELLED_PX))
    axes.set_box_aspect((2 * HALF_WIDTH_M, 2 * HALF_WIDTH_M, HEIGHT_M), zoom=1.1 if full else 1.04)
    axes.view_init(_ELEVATION_DEG, _AZIMUTH_DEG)
    text_pt = max(_TEXT_PT, 72 / dpi * LEAST_TEXT_PX)
    for axis, name, ticks in (
        (axes.xaxis, "right (m)", (-0.5, 0, 0.5)),
        (axes.yaxis, "away (m)", (-0.5, 0, 0.5)),
        (axes.zaxis, "", (0.5, 1, 1.5, 2)),
    ):
        high, across = axis is axes.zaxis, axis is axes.xaxis
        shown = (full or (high and tick in (1, 2)) or (across and named and tick != 0) for tick in ticks)
        texts = [
            f"{tick:g}{' m' * high}" * (labelled and is_shown) for tick, is_shown in zip(ticks, shown, strict=True)
        ]
        axis.set_ticks(ticks, texts)
        axis.set_label_text(name if named else "", color=as_rgb(TEXT_FAINT), fontsize=text_pt)
        axis.labelpad = -5
        axis.set_tick_params(labelcolor=as_rgb(TEXT_FAINT), labelsize=text_pt, pad=2 if high else -2)
        axis.line.set_color(as_rgb(GRID))
        axis._axinfo["grid"].update(color=as_rgb(GRID), linewidth=0.7)
        axis._axinfo["tick"].update(color=as_rgb(GRID))
        axis.set_pane_color((*as_rgb(mix(BACKGROUND, FLOOR, 1.0 if axis is axes.zaxis else 0.45)), 1.0))
        axis.pane.set_edgecolor(as_rgb(GRID))
    return figure, axes
