"""The 2D skeleton over the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, U8
from pipeline.render import strokes
from pipeline.render.palette import BY_SIDE, MIDDLE, OUTLINE, Colour, mix
from pipeline.skeletons import COCO_17
from pipeline.types import Origin, Pose2D

# Below this score a joint is drawn faint: it is a guess, wrong about as often as right.
SEEN_SCORE = 0.25
_FAINT_ALPHA = 0.35
_WHITE: Colour = (255, 255, 255)
# Plain numbers: comparing an enum with a NumPy value takes twenty times as long.
_FILLED_IN = (int(Origin.INTERPOLATED), int(Origin.HELD))
_FACE = frozenset(COCO_17.index(name) for name in ("nose", "l_eye", "r_eye", "l_ear", "r_ear"))
_SIDES = COCO_17.sides


def _bone_colour(a: int, b: int) -> Colour:
    # From the nose to an eye the bone belongs to the eye's side; across the body it belongs to none.
    sides = {_SIDES[a], _SIDES[b]} - {"middle"}
    return BY_SIDE[sides.pop()] if len(sides) == 1 else MIDDLE


_BONES = tuple((a, b, _bone_colour(a, b), 0.5 if a in _FACE else 1.0) for a, b in COCO_17.bones)


def draw_pose2d(image: U8, pose: Pose2D) -> None:
    """Draw a person's keypoints and bones in place.

    Left is orange, right is blue, what belongs to neither is white. Joints below ``SEEN_SCORE`` and their bones are
    faint, missing joints are absent, joints that were filled in (interpolated, held) are hollow.

    Args:
        image: uint8 [H, W, 3] BGR; may be a view into a larger picture.
        pose: in pixels of this image.
    """
    known = _in_reach(image, pose.xy_px) & (pose.origin != int(Origin.MISSING))
    if not known.any():
        return
    seen = known & (np.nan_to_num(pose.score) >= SEEN_SCORE)
    width_px = _width_px(image, pose.xy_px[known])
    if (known & ~seen).any():
        _draw_faint(image, pose, known, seen, width_px)
    _draw(image, pose, seen, seen, width_px)


def _in_reach(image: U8, xy_px: F32) -> NDArray[np.bool_]:
    """bool [17]: joints in the picture or at most its larger side away from it; NaN and wild values are not."""
    height, width = image.shape[:2]
    reach_px = max(height, width)
    inside = (xy_px > -reach_px) & (xy_px < np.array([width + reach_px, height + reach_px], np.float32))
    return np.asarray(inside.all(1), np.bool_)


def _width_px(image: U8, xy_px: F32) -> float:
    """Width of a bone: in proportion to the person, within limits given by the picture."""
    person_px = float((xy_px.max(0) - xy_px.min(0)).max())
    side_px = float(min(image.shape[:2]))
    return float(np.clip(0.011 * person_px, max(1.5, 0.003 * side_px), max(2.0, 0.009 * side_px)))


def _draw_faint(image: U8, pose: Pose2D, known: NDArray[np.bool_], seen: NDArray[np.bool_], width_px: float) -> None:
    height, width = image.shape[:2]
    # A joint may be far outside: only what lies in the picture is blended.
    points = np.clip(pose.xy_px[known], -1.0, float(max(height, width)))
    margin_px = 4 * width_px
    x0, y0 = np.maximum(np.floor(points.min(0) - margin_px), 0).astype(int)
    x1, y1 = np.ceil(points.max(0) + margin_px).astype(int)
    box = image[y0 : y1 + 1, x0 : x1 + 1]
    if box.size == 0:
        return
    before = box.copy()
    _draw(image, pose, known, known & ~seen, width_px)
    cv2.addWeighted(box, _FAINT_ALPHA, before, 1 - _FAINT_ALPHA, 0, dst=box)


def _draw(image: U8, pose: Pose2D, ends: NDArray[np.bool_], dots: NDArray[np.bool_], width_px: float) -> None:
    """Draw the bones between joints of ``ends``, then the joints of ``dots``."""
    at = strokes.points(pose.xy_px)
    edge_px = max(1.0, 0.35 * width_px)
    bones = [bone for bone in _BONES if ends[bone[0]] and ends[bone[1]]]
    for a, b, _, share in bones:
        strokes.line(image, at[a], at[b], OUTLINE, share * width_px + 2 * edge_px)
    for a, b, colour, share in bones:
        strokes.line(image, at[a], at[b], colour, share * width_px)
    for joint in np.flatnonzero(dots).tolist():
        radius_px = width_px * (0.7 if joint in _FACE else 1.15)
        hollow = int(pose.origin[joint]) in _FILLED_IN
        colour = BY_SIDE[_SIDES[joint]]
        strokes.disc(image, at[joint], radius_px + edge_px, OUTLINE)
        strokes.disc(image, at[joint], radius_px, colour if hollow else mix(colour, _WHITE, 0.35))
        if hollow:
            strokes.disc(image, at[joint], 0.55 * radius_px, OUTLINE)
