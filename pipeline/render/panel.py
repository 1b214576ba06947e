"""The 3D panel: skeletons on a floor, seen obliquely."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, U8
from pipeline.render import strokes
from pipeline.render.axes import HALF_WIDTH_M, draw_axes
from pipeline.render.ground import Ground
from pipeline.render.palette import BACKGROUND, BY_SIDE, LEFT, OUTLINE, RIGHT, TEXT, TEXT_FAINT, Colour, mix
from pipeline.render.plate import LEAST_TEXT_PX
from pipeline.render.text import Font
from pipeline.skeletons import H36M_17
from pipeline.types import Origin, Pose3D

_WHITE: Colour = (255, 255, 255)
_BONE_M = 0.034
_JOINT_M = 0.025
_TIE = 1e-6
# A joint further than this from the pelvis, on any axis, is an error and is not drawn.
_REACH_M = 3.0
# Share of the background in a joint's colour, for each metre that it is further away.
_HAZE_PER_M = 0.28
_SHADOW_STRENGTH = 0.5
_FILLED_IN = (int(Origin.INTERPOLATED), int(Origin.HELD))
_SIDES = H36M_17.sides
_HEAD = H36M_17.index("head")


class Panel:
    """Draws the people of a frame in 3D. Keeps each person's height above the floor from frame to frame.

    Args:
        width_px, height_px: size of the panel.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        self.axes = draw_axes(width_px, height_px)
        self._distance_per_m = float(np.linalg.norm(self.axes.matrix[2, :3]))
        self._ground = Ground()
        self._font = Font(round(np.clip(min(width_px, height_px) / 42, LEAST_TEXT_PX, 22)))
        self._draw_legend(self.axes.image)

    def _draw_legend(self, image: U8) -> None:
        font = self._font
        x, y = font.size_px, image.shape[0] - font.line_px - font.size_px // 2
        for name, colour in (("left", LEFT), ("right", RIGHT)):
            (centre,) = strokes.points(np.array([[x + 0.3 * font.size_px, y + 0.66 * font.size_px]]))
            strokes.disc(image, centre, 0.3 * font.size_px, colour)
            font.draw(image, name, x + font.size_px, y, TEXT_FAINT)
            x += 2 * font.size_px + font.width_px(name)

    def draw(self, image: U8, poses: list[Pose3D]) -> None:
        """Fill the image (of the panel's size; may be a view) with the axes and the people.

        With more than one person, they stand side by side in order of their ids, since poses do not say where people
        are relative to each other.
        """
        np.copyto(image, self.axes.image)
        present = sorted((pose for pose in map(_within_reach, poses) if _known(pose.xyz_m).any()), key=_track_id)
        if not present:
            self._write_note(image, "no person")
            return
        at_m, heights_m = _places_m(len(present)), self._ground.heights_m(present)
        places = [_stand(*one) for one in zip([pose.xyz_m for pose in present], at_m, heights_m, strict=True)]
        for points_m in places:
            self._draw_shadow(image, points_m)
        # The people further away first; they stand next to each other, so whole people can be put in order.
        for pose, points_m in sorted(zip(present, places, strict=True), key=lambda one: one[1][0, 0]):
            self._draw_person(image, points_m, pose, f"{pose.track_id}" if len(present) > 1 else "")

    def _write_note(self, image: U8, words: str) -> None:
        height, width = image.shape[:2]
        x, y = (width - self._font.width_px(words)) // 2, (height - self._font.line_px) // 2
        self._font.draw(image, words, x, y, TEXT_FAINT)

    def _draw_shadow(self, image: U8, points_m: NDArray[np.float64]) -> None:
        xy_px, _ = self.axes.project(points_m * (1, 1, 0))
        known = _known(xy_px)
        height, width = image.shape[:2]
        # Half the resolution: the shadow is blurred anyway.
        margin_px = 0.05 * min(height, width)
        low = np.clip(np.nanmin(xy_px, 0) - margin_px, 0, (width, height)).astype(int)
        high = np.clip(np.nanmax(xy_px, 0) + margin_px, 0, (width, height)).astype(int)
        box = image[low[1] : high[1], low[0] : high[0]]
        if box.shape[0] < 4 or box.shape[1] < 4:
            return
        mask = np.zeros((box.shape[0] // 2, box.shape[1] // 2), np.uint8)
        at = strokes.points((xy_px - low) / 2)
        strokes.lines(mask, [(at[a], at[b]) for a, b in H36M_17.bones if known[a] and known[b]], 255, margin_px / 6)
        soft = cv2.blur(mask, (max(3, round(margin_px / 5)),) * 2)
        soft = cv2.resize(soft, box.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        keep = cv2.cvtColor(255 - (soft * _SHADOW_STRENGTH).astype(np.uint8), cv2.COLOR_GRAY2BGR)
        cv2.multiply(box, keep, dst=box, scale=1 / 255)

    def _draw_person(self, image: U8, points_m: NDArray[np.float64], pose: Pose3D, label: str) -> None:
        xy_px, distance = self.axes.project(points_m)
        known = _known(xy_px)
        middle = float(distance[known].mean())
        scale = (self._px_per_m(points_m[known].mean(0)) * middle / distance).tolist()
        haze = np.clip((distance - middle) / self._distance_per_m * _HAZE_PER_M + 0.1, 0, 0.5).tolist()

        # Bones and joints in one list, the furthest first; a joint comes right after the last of its bones.
        parts: list[tuple[float, int, int]] = []
        nearest = distance.tolist()
        for a, b in H36M_17.bones:
            if known[a] and known[b]:
                between = float(distance[a] + distance[b]) / 2
                parts.append((between, a, b))
                nearest[a], nearest[b] = min(nearest[a], between), min(nearest[b], between)
        parts += [(nearest[j] - _TIE, j, j) for j in range(len(H36M_17)) if known[j]]
        at = strokes.points(xy_px)
        for _, a, b in sorted(parts, reverse=True):
            shade, thick = (haze[a] + haze[b]) / 2, (scale[a] + scale[b]) / 2
            if a == b:
                _draw_joint(image, at[a], a, shade, max(1.5, _JOINT_M * thick), int(pose.origin[a]))
            else:
                width_px = max(1.5, _BONE_M * thick)
                strokes.line(image, at[a], at[b], OUTLINE, width_px + max(2.0, 0.5 * width_px))
                strokes.line(image, at[a], at[b], mix(BY_SIDE[_SIDES[b]], BACKGROUND, shade), width_px)
        if label and known[_HEAD]:
            x, y = xy_px[_HEAD].astype(int)
            self._font.draw(image, label, x - self._font.width_px(label) // 2, y - 2 * self._font.line_px, TEXT)

    def _px_per_m(self, point_m: NDArray[np.float64]) -> float:
        ends_px, _ = self.axes.project(point_m + np.array([[0, 0, -0.5], [0, 0, 0.5]]))
        return float(np.linalg.norm(ends_px[1] - ends_px[0]))


def _draw_joint(image: U8, at: strokes.Point, joint: int, shade: float, radius_px: float, origin: int) -> None:
    colour = BY_SIDE[_SIDES[joint]]
    hollow = origin in _FILLED_IN
    strokes.disc(image, at, radius_px + max(1.0, 0.25 * radius_px), OUTLINE)
    strokes.disc(image, at, radius_px, mix(colour if hollow else mix(colour, _WHITE, 0.35), BACKGROUND, shade))
    if hollow:
        strokes.disc(image, at, 0.55 * radius_px, OUTLINE)


def _known(points: NDArray[np.floating]) -> NDArray[np.bool_]:
    """bool [N]: all coordinates of a point are finite."""
    return np.asarray(np.isfinite(points).all(1), np.bool_)


def _track_id(pose: Pose3D) -> int:
    return pose.track_id


def _within_reach(pose: Pose3D) -> Pose3D:
    """The pose with wild joints unknown."""
    if not (np.abs(pose.xyz_m) > _REACH_M).any():
        return pose
    wild = (np.abs(pose.xyz_m) > _REACH_M).any(1, keepdims=True)
    return replace(pose, xyz_m=np.where(wild, np.float32(np.nan), pose.xyz_m))


def _places_m(count: int) -> NDArray[np.float64]:
    """Where ``count`` people stand, across; one stands in the middle."""
    if count == 1:
        return np.zeros(1)
    spread_m = min(0.5 * (count - 1), 0.75 * HALF_WIDTH_M)
    return np.linspace(-spread_m, spread_m, count)


def _stand(xyz_m: F32, across_m: float, height_m: float) -> NDArray[np.float64]:
    """[17, 3] (across, away, up) of camera axes (right, down, away), the pelvis at this place and height."""
    x, y, z = xyz_m.astype(np.float64).T
    return np.stack([x + across_m, z, height_m - y], 1)
