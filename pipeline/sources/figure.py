"""Draws the synthetic person so that a pose detector takes it for a human: rounded limbs, clothes, a face.

Every part is the convex hull of a few balls, seen through the camera; parts are painted from far to near
and shaded by painting them again smaller and lighter towards the light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import F64, U8

Colour = tuple[float, float, float]  # BGR, 0..255

_SHIFT = 4  # OpenCV's sub-pixel drawing: coordinates in 1/16 px
_LIGHT = np.array([-0.35, -0.55])  # direction of the light in the picture
# Painted sizes and brightness from the rim of a part to its lit middle.
_SHADES = ((1.0, 0.58), (0.90, 0.80), (0.70, 0.93), (0.50, 1.0), (0.28, 1.06))
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 25)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 25)[:-1])], 1)


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        intrinsics: float64 [3, 3], pixels.
        rotation: float64 [3, 3], world axes (z up) to camera axes (x right, y down, z away).
        position_m: float64 [3], in world axes.
    """

    intrinsics: F64
    rotation: F64
    position_m: F64

    def to_camera(self, points_m: F64) -> F64:
        """World points [N, 3] in camera axes, metres."""
        return np.asarray((points_m - self.position_m) @ self.rotation.T, np.float64)

    def project(self, camera_m: F64) -> F64:
        """Points [N, 3] in camera axes to pixels [N, 2]."""
        image = camera_m @ self.intrinsics.T
        return np.asarray(image[:, :2] / image[:, 2:], np.float64)


@dataclass(frozen=True, slots=True)
class Wardrobe:
    """Colours, BGR."""

    skin: Colour = (135.0, 165.0, 215.0)
    shirt: Colour = (160.0, 90.0, 45.0)
    trousers: Colour = (75.0, 65.0, 60.0)
    shoes: Colour = (40.0, 40.0, 45.0)
    hair: Colour = (35.0, 50.0, 70.0)


# Part: colour's name, balls (point, radius in metres).
_Part = tuple[str, tuple[tuple[str, float], ...]]
_TRUNK: _Part = (
    "shirt",
    (
        ("l_shoulder", 0.055),
        ("r_shoulder", 0.055),
        ("l_chest", 0.105),
        ("r_chest", 0.105),
        ("l_waist", 0.095),
        ("r_waist", 0.095),
    ),
)
_SEAT: _Part = (
    "trousers",
    (("l_hip", 0.085), ("r_hip", 0.085), ("l_waist", 0.085), ("r_waist", 0.085)),
)


def _limbs(side: str) -> tuple[_Part, ...]:
    return (
        ("shoes", ((f"{side}_heel", 0.038), (f"{side}_toe", 0.030))),
        ("trousers", ((f"{side}_knee", 0.058), (f"{side}_ankle", 0.044))),
        ("trousers", ((f"{side}_hip", 0.086), (f"{side}_knee", 0.060))),
        ("skin", ((f"{side}_wrist", 0.030), (f"{side}_hand", 0.038))),
        ("skin", ((f"{side}_elbow", 0.039), (f"{side}_wrist", 0.028))),
        ("shirt", ((f"{side}_shoulder", 0.058), (f"{side}_elbow", 0.046))),
    )


_PARTS: tuple[_Part, ...] = (
    _TRUNK,
    *_limbs("l"),
    *_limbs("r"),
)
_NECK: _Part = ("skin", (("neck", 0.052), ("throat", 0.048)))
_HEAD: _Part = ("skin", (("skull", 0.088), ("jaw", 0.058)))
_HAIR: _Part = ("hair", (("hair", 0.094),))


def draw_room(camera: Camera, width_px: int, height_px: int) -> U8:
    """An empty room: a wall, a floor that begins 2.5 m behind the world's origin, soft light."""
    edge_m = np.array([[0.0, 0.0, 0.0]])
    away = camera.rotation[2] * [1.0, 1.0, 0.0]
    edge_m[0] = away / np.linalg.norm(away) * 2.5
    horizon = float(camera.project(camera.to_camera(edge_m))[0, 1])
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float64)
    glow = 1.0 - 0.18 * np.hypot((x - width_px / 2) / width_px, (y - height_px * 0.4) / height_px)
    wall = np.array([196.0, 203.0, 206.0])
    floor = np.array([128.0, 148.0, 165.0])
    below = np.clip((y - horizon) / max(1.0, height_px - horizon), 0.0, 1.0)
    room = np.where((y > horizon)[..., None], floor * (0.85 + 0.25 * below)[..., None], wall) * glow[..., None]
    skirting = np.abs(y - horizon) < max(1.0, height_px / 180)
    room[skirting] = room[skirting] * 0.25 + 170.0
    return np.asarray(np.clip(room, 0, 255), np.uint8)


def draw_person(image: U8, points_m: dict[str, F64], camera: Camera, wardrobe: Wardrobe) -> None:
    """Paint the person of ``walker.body_points`` into the image, in place."""
    names = list(points_m)
    camera_m = dict(zip(names, camera.to_camera(np.stack([points_m[name] for name in names])), strict=True))
    if min(point[2] for point in camera_m.values()) < 0.2:
        return
    _draw_shadow(image, points_m, camera)
    parts = sorted(_PARTS, key=lambda part: -_depth_m(part, camera_m))
    head_m = camera_m["skull"][2]
    behind = [part for part in parts if _depth_m(part, camera_m) > head_m]
    for part in behind:
        _draw_part(image, part, camera_m, camera, wardrobe)
    _draw_head(image, camera_m, camera, wardrobe)
    for part in parts[len(behind) :]:
        _draw_part(image, part, camera_m, camera, wardrobe)


def _depth_m(part: _Part, camera_m: dict[str, F64]) -> float:
    return float(np.mean([camera_m[name][2] - radius * 0.5 for name, radius in part[1]]))


def _ball(point_m: F64, radius_m: float, camera: Camera) -> tuple[F64, float]:
    """Centre [2] and radius of a ball in the picture, pixels."""
    centre = camera.project(point_m[None])[0]
    return centre, radius_m * camera.intrinsics[0, 0] / float(point_m[2])


def _draw_part(image: U8, part: _Part, camera_m: dict[str, F64], camera: Camera, wardrobe: Wardrobe) -> None:
    if part is _TRUNK:  # the shirt hangs over the trousers from every side
        _draw_part(image, _SEAT, camera_m, camera, wardrobe)
    colour: Colour = getattr(wardrobe, part[0])
    balls = [_ball(camera_m[name], radius, camera) for name, radius in part[1]]
    for size, brightness in _SHADES:
        rim = [centre + (_LIGHT * (1 - size) + _CIRCLE * size) * radius for centre, radius in balls]
        hull = cv2.convexHull(np.concatenate(rim).astype(np.float32))
        _fill_outline(image, np.asarray(hull, np.float64)[:, 0], tuple(channel * brightness for channel in colour))


def _fill_outline(image: U8, outline: F64, colour: tuple[float, ...]) -> None:
    points = np.round(outline * (1 << _SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(image, points, tuple(min(255.0, value) for value in colour), cv2.LINE_AA, _SHIFT)


def _draw_shadow(image: U8, points_m: dict[str, F64], camera: Camera) -> None:
    """A soft dark spot on the floor under the feet."""
    feet = np.mean([points_m[name] for name in ("l_heel", "r_heel", "l_toe", "r_toe")], axis=0)
    for radius, dark in ((0.42, 0.93), (0.34, 0.92), (0.26, 0.9)):
        ring = np.concatenate([_CIRCLE * radius + feet[:2], np.zeros((len(_CIRCLE), 1))], 1)
        outline = camera.project(camera.to_camera(ring))
        x0, y0 = np.floor(outline.min(0)).astype(int)
        x1, y1 = np.ceil(outline.max(0)).astype(int) + 1
        x0, y0 = max(x0, 0), max(y0, 0)
        spot = image[y0 : max(y0, y1), x0 : max(x0, x1)]
        if not spot.size:
            continue
        mask = np.zeros(spot.shape[:2], np.uint8)
        points = np.round((outline - [x0, y0]) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillConvexPoly(mask, points, 255, cv2.LINE_AA, _SHIFT)
        weight = 1.0 - (1.0 - dark) * mask[..., None].astype(np.float32) / 255.0
        spot[:] = (spot * weight).astype(np.uint8)


def _draw_head(image: U8, camera_m: dict[str, F64], camera: Camera, wardrobe: Wardrobe) -> None:
    """Hair, head and what of the face is turned to the camera."""
    face = camera_m["nose"] - (camera_m["l_ear"] + camera_m["r_ear"]) / 2
    view = camera_m["skull"] / np.linalg.norm(camera_m["skull"])
    facing = float(-face @ view / np.linalg.norm(face))
    order = (_NECK, _HAIR, _HEAD) if facing > -0.2 else (_NECK, _HEAD, _HAIR)
    for part in order:
        _draw_part(image, part, camera_m, camera, wardrobe)
    if facing > -0.2:
        _draw_fringe(image, camera_m, camera, wardrobe)
    for side in ("l", "r"):
        outward = camera_m[f"{side}_ear"] - camera_m["skull"]
        if float(-outward @ view / np.linalg.norm(outward)) > -0.35:
            _draw_part(image, ("skin", ((f"{side}_ear", 0.022),)), camera_m, camera, wardrobe)
        eye = camera_m[f"{side}_eye"]
        eye_out = eye - camera_m["skull"]
        if float(-eye_out @ view / np.linalg.norm(eye_out)) > 0.1:
            _draw_eye(image, eye, camera)
    if facing > 0.0:
        skin = wardrobe.skin
        centre, radius = _ball(camera_m["nose"], 0.016, camera)
        _fill_outline(image, centre + _CIRCLE * radius * [0.8, 1.1], tuple(c * 0.80 for c in skin))
        _fill_outline(image, centre + (_CIRCLE * [0.6, 1.2] - [0.1, 0.5]) * radius, tuple(c * 1.05 for c in skin))
    if facing > 0.2:
        centre, radius = _ball(camera_m["mouth"], 0.026, camera)
        _fill_outline(image, centre + _CIRCLE * radius * [max(0.3, facing), 0.28], (85.0, 85.0, 160.0))


def _draw_fringe(image: U8, camera_m: dict[str, F64], camera: Camera, wardrobe: Wardrobe) -> None:
    """The hair over the forehead: the upper part of the hair's ball, pushed back from the face."""
    centre, radius = _ball(camera_m["hair"], 0.094, camera)
    arc = np.linspace(np.pi * 1.08, np.pi * 1.92, 20)
    rim = np.stack([np.cos(arc), np.sin(arc)], 1)
    _fill_outline(image, centre + rim * radius, tuple(c * 0.95 for c in wardrobe.hair))


def _draw_eye(image: U8, eye_m: F64, camera: Camera) -> None:
    centre, radius = _ball(eye_m, 0.014, camera)
    _fill_outline(image, centre + _CIRCLE * radius * [1.0, 0.6], (225.0, 225.0, 225.0))
    _fill_outline(image, centre + _CIRCLE * radius * 0.5, (40.0, 45.0, 50.0))
    brow = centre - [0.0, radius * 1.6]
    _fill_outline(image, brow + _CIRCLE * radius * [1.2, 0.3], (45.0, 60.0, 80.0))
