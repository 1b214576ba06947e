"""The synthetic person: places of the points of a walking body, as a function of time.

Body axes: x forward, y to the body's left, z up, metres; the body is 1.70 m tall. Segment lengths are the
proportions of stature of Drillis and Contini (in Winter, Biomechanics and Motor Control of Human Movement,
4th ed., fig. 4.1). The joint angles over a stride are smooth curves shaped like those of normal gait.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F64

STATURE_M = 1.70

_HIP_Z = 0.530 * STATURE_M
_KNEE_Z = 0.285 * STATURE_M
_ANKLE_Z = 0.039 * STATURE_M
_SHOULDER_Z = 0.818 * STATURE_M
_EYE_Z = 0.936 * STATURE_M
_UPPER_ARM_M = 0.186 * STATURE_M
_FOREARM_M = 0.146 * STATURE_M
_HAND_M = 0.075 * STATURE_M
_HIP_HALF_M = 0.095
_SHOULDER_HALF_M = 0.165
_TOE_M = 0.16
_HEEL_M = 0.05

# Points of the head relative to the middle between the shoulders: forward, left (mirrored for the right), up.
_HEAD_POINTS = {
    "nose": (0.125, 0.0, _EYE_Z - _SHOULDER_Z - 0.035),
    "eye": (0.100, 0.032, _EYE_Z - _SHOULDER_Z),
    "ear": (0.015, 0.072, _EYE_Z - _SHOULDER_Z - 0.015),
    "mouth": (0.105, 0.0, _EYE_Z - _SHOULDER_Z - 0.075),
    "skull": (0.015, 0.0, _EYE_Z - _SHOULDER_Z + 0.02),
    "jaw": (0.050, 0.0, _EYE_Z - _SHOULDER_Z - 0.06),
    "hair": (-0.005, 0.0, _EYE_Z - _SHOULDER_Z + 0.035),
    "throat": (0.015, 0.0, 0.10),
    "neck": (0.0, 0.0, 0.01),
}


@dataclass(frozen=True, slots=True)
class Walk:
    """How the person walks.

    Attributes:
        strides_hz: strides (two steps) per second.
        radius_m: of the circle that is walked; 0 = on the spot.
        phase: of the stride at time 0, in 0..1.
        heading_rad: direction of walking at time 0, from the world's x axis towards y.
        turn: +1 walks the circle to the left, -1 to the right.
    """

    strides_hz: float = 0.9
    radius_m: float = 0.9
    phase: float = 0.0
    heading_rad: float = 0.0
    turn: int = 1


def body_points(walk: Walk, time_s: float) -> dict[str, F64]:
    """Named points [3] of the body in world axes (x, y on the floor, z up, origin in the circle's middle), metres.

    The COCO-17 joints have their names of ``pipeline.skeletons``; the others shape the figure: toes, heels,
    hands, skull, jaw, hair, neck, mouth, and chest and waist points of the trunk.
    """
    cycle = walk.phase + walk.strides_hz * time_s
    points: dict[str, F64] = {}
    swing = np.cos(2 * np.pi * cycle)
    pelvis_turn = _turn(0.09 * -swing)
    chest_turn = _turn(0.10 * swing)
    trunk_lean = _lean(0.06)
    _add_trunk(points, pelvis_turn, trunk_lean @ chest_turn, trunk_lean)
    for side, sign, offset in (("l", 1.0, 0.0), ("r", -1.0, 0.5)):
        _add_leg(points, side, sign, (cycle + offset) % 1.0)
        _add_arm(points, side, sign, np.cos(2 * np.pi * (cycle + offset)), trunk_lean @ chest_turn)
    lowest_m = min(point[2] for name, point in points.items() if name.endswith(("_toe", "_heel")))
    return _place(points, walk, time_s, lowest_m)


def _place(points: dict[str, F64], walk: Walk, time_s: float, lowest_m: float) -> dict[str, F64]:
    """Body axes to world axes: the lowest foot on the floor, the body on its circle, facing along it."""
    step_m = 2 * (_HIP_Z - _ANKLE_Z) * np.sin(np.radians(20.0))
    heading = walk.heading_rad
    centre = np.array([0.0, 0.0, 0.03 - lowest_m])
    if walk.radius_m > 0:
        heading += walk.turn * 2 * step_m * walk.strides_hz * time_s / walk.radius_m
        out = heading - walk.turn * np.pi / 2
        centre[:2] = walk.radius_m * np.array([np.cos(out), np.sin(out)])
    rotation = _turn(heading)
    return {name: rotation @ point + centre for name, point in points.items()}


def _add_trunk(points: dict[str, F64], pelvis: F64, chest: F64, lean: F64) -> None:
    """Hips, shoulders, head and the points that shape the trunk; the pelvis's middle is the origin."""
    height_m = _SHOULDER_Z - _HIP_Z
    for side, sign in (("l", 1.0), ("r", -1.0)):
        points[f"{side}_hip"] = pelvis @ np.array([0.0, sign * _HIP_HALF_M, 0.0])
        points[f"{side}_shoulder"] = chest @ np.array([0.0, sign * _SHOULDER_HALF_M, height_m])
        points[f"{side}_chest"] = chest @ np.array([0.01, sign * 0.085, height_m - 0.13])
        points[f"{side}_waist"] = lean @ np.array([0.0, sign * 0.055, 0.13])
    top = chest @ np.array([0.0, 0.0, height_m])
    for name, (forward, left, up) in _HEAD_POINTS.items():
        if left:
            points[f"l_{name}"] = top + np.array([forward, left, up])
            points[f"r_{name}"] = top + np.array([forward, -left, up])
        else:
            points[name] = top + np.array([forward, left, up])


def _add_leg(points: dict[str, F64], side: str, sign: float, phase: float) -> None:
    """Knee, ankle, heel and toe; phase 0 is the heel's contact, 0.6 the toe's leaving."""
    hip_rad = np.radians(9.0 + 21.0 * np.cos(2 * np.pi * phase))
    knee_rad = np.radians(6.0 + 54.0 * _bump(phase, 0.72, 0.11) + 12.0 * _bump(phase, 0.13, 0.08))
    ankle_rad = np.radians(8.0 * np.sin(2 * np.pi * phase) - 14.0 * _bump(phase, 0.62, 0.08))
    hip = points[f"{side}_hip"]
    knee = hip + (_HIP_Z - _KNEE_Z) * _down(hip_rad, sign * 0.02)
    ankle = knee + (_KNEE_Z - _ANKLE_Z) * _down(hip_rad - knee_rad, sign * 0.02)
    foot_rad = hip_rad - knee_rad + ankle_rad
    sole = ankle + (_ANKLE_Z - 0.03) * _down(foot_rad, 0.0)
    along = np.array([np.cos(foot_rad), sign * 0.12, np.sin(foot_rad)])
    points[f"{side}_knee"], points[f"{side}_ankle"] = knee, ankle
    points[f"{side}_toe"], points[f"{side}_heel"] = sole + _TOE_M * along, sole - _HEEL_M * along


def _add_arm(points: dict[str, F64], side: str, sign: float, leg_swing: float, chest: F64) -> None:
    """Elbow, wrist and hand; an arm swings against the leg of its side."""
    upper_rad = np.radians(2.0 - 24.0 * leg_swing)
    elbow_rad = np.radians(28.0 - 14.0 * leg_swing)
    elbow = points[f"{side}_shoulder"] + _UPPER_ARM_M * (chest @ _down(upper_rad, sign * 0.26))
    forearm = chest @ _down(upper_rad + elbow_rad, sign * 0.16)
    points[f"{side}_elbow"] = elbow
    points[f"{side}_wrist"] = elbow + _FOREARM_M * forearm
    points[f"{side}_hand"] = points[f"{side}_wrist"] + _HAND_M * forearm


def _bump(phase: float, centre: float, width: float) -> float:
    """A smooth periodic bump of height 1."""
    distance = (phase - centre + 0.5) % 1.0 - 0.5
    return float(np.exp(-((distance / width) ** 2)))


def _down(forward_rad: float, outward: float) -> F64:
    """Unit vector that points down, swung forward by an angle and spread to the left (+) or right (-)."""
    vector = np.array([np.sin(forward_rad), outward, -np.cos(forward_rad)])
    return np.asarray(vector / np.linalg.norm(vector), np.float64)


def _turn(angle_rad: float) -> F64:
    """Rotation about z."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _lean(angle_rad: float) -> F64:
    """Rotation about y that leans forward."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
