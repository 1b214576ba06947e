from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pipeline.arrays import U8
from pipeline.render.axes import Axes3D, draw_axes, make_figure
from pipeline.render.ground import Ground
from pipeline.render.panel import Panel
from pipeline.skeletons import H36M_17
from pipeline.types import Origin, Pose3D
from tests.pipeline.render.bodies import body3d, hue

SIZES = [(480, 480), (720, 720), (900, 1080), (300, 240)]
PELVIS_M = 0.84 + 0.08


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel(480, 480)


def draw(panel: Panel, *poses: Pose3D) -> U8:
    image = np.zeros((480, 480, 3), np.uint8)
    panel.draw(image, list(poses))
    return image


def at(axes: Axes3D, pose: Pose3D, *joints: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Pixel of the middle between joints, for a person who stands on the floor."""
    x, y, z = pose.xyz_m[[H36M_17.index(joint) for joint in joints]].mean(0)
    xy_px, _ = axes.project(np.array([[x, z, PELVIS_M - y]]))
    return xy_px[0]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_projection_lies_on_what_matplotlib_draws(width: int, height: int) -> None:
    """Lines drawn by matplotlib on the same axes are in its picture where the projection says, to half a pixel."""
    axes = draw_axes(width, height)
    assert axes.image.shape == (height, width, 3)
    ends = np.array(
        [[[0, 0, 0], [0.5, 0.3, 1.0]], [[0.9, -0.9, 0.1], [-0.9, 0.9, 1.9]], [[-0.7, -0.8, 1.5], [0, 0.9, 0.2]]]
    )
    for start, end in ends:
        figure, plotted = make_figure(width, height)
        plotted.plot(*np.stack([start, end], 1), color=(1, 0, 1), lw=2, snap=False, zorder=99, solid_capstyle="butt")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba()).astype(float)
        share = np.clip((picture[..., 0] + picture[..., 2]) / 2 - picture[..., 1] - 40, 0, None)
        rows, columns = np.indices(share.shape)
        centre = np.array([(share * columns).sum(), (share * rows).sum()]) / share.sum()
        expected, _ = axes.project(np.stack([start, end]))
        assert np.linalg.norm(centre - expected.mean(0)) < 0.5


def test_the_third_coordinate_is_a_distance() -> None:
    axes = draw_axes(480, 480)
    _, distance = axes.project(np.array([[0, -1, 1], [0, 0, 1], [0, 1, 1]], float))
    assert 0 < distance[0] < distance[1] < distance[2]


def test_right_is_right_and_up_is_up() -> None:
    axes = draw_axes(480, 480)
    xy_px, _ = axes.project(np.array([[-0.5, 0, 1], [0.5, 0, 1], [0, 0, 0.2], [0, 0, 1.8]]))
    assert xy_px[0, 0] < xy_px[1, 0]
    assert xy_px[2, 1] > xy_px[3, 1]


def test_colours_at_projected_pixels(panel: Panel) -> None:
    pose = body3d()
    image = draw(panel, pose)
    for part in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
        assert hue(image, at(panel.axes, pose, f"l_{part[0]}", f"l_{part[1]}")) == "left"
        assert hue(image, at(panel.axes, pose, f"r_{part[0]}", f"r_{part[1]}")) == "right"
    spine = at(panel.axes, pose, "spine", "thorax")
    assert hue(image, spine) == "middle" and image[int(spine[1]), int(spine[0])].min() > 150


def test_the_nearer_limb_covers_the_further_one() -> None:
    """Seen from the side, whichever hand is nearer to the camera is drawn on top where both meet on the screen."""
    for near in ("l", "r"):
        panel, pose = Panel(480, 480), body3d()
        far = "r" if near == "l" else "l"
        xyz = pose.xyz_m.copy()
        # On one line of sight: the eye's direction is where a change of place leaves the pixel unchanged.
        sight = np.cross(
            panel.axes.matrix[0, :3] - 240 * panel.axes.matrix[2, :3],
            panel.axes.matrix[1, :3] - 240 * panel.axes.matrix[2, :3],
        )
        sight /= np.linalg.norm(sight) * np.sign(sight[1])
        across, away, up = sight
        for side, step in ((near, -0.4), (far, 0.4)):
            xyz[H36M_17.index(f"{side}_elbow")] = np.array([across, -up, away]) * step + (0, -0.6, 0)
            xyz[H36M_17.index(f"{side}_wrist")] = np.array([across, -up, away]) * step + (0, -0.2, 0)
        image = draw(panel, replace(pose, xyz_m=xyz.astype(np.float32)))
        elbow_and_wrist = at(panel.axes, replace(pose, xyz_m=xyz), f"{near}_elbow", f"{near}_wrist")
        assert hue(image, elbow_and_wrist) == ("left" if near == "l" else "right")


def test_no_person_says_so_and_draws_no_skeleton(panel: Panel) -> None:
    nobody = draw(panel, Pose3D.missing(0, 0.0))
    assert (nobody == draw(panel)).all()
    changed = (nobody != panel.axes.image).any(-1)
    assert changed.any() and changed.mean() < 0.01
    rows, columns = np.nonzero(changed)
    assert abs(rows.mean() - 240) < 20 and abs(columns.mean() - 240) < 20


def test_each_person_is_drawn(panel: Panel) -> None:
    """Two people, side by side in order of their ids; the ids are written."""
    both = draw(panel, body3d(7), Pose3D.missing(0, 0.0, 3), body3d(2))
    assert (both == draw(panel, body3d(2), body3d(7))).all()
    pose = body3d()
    for across in (-0.5, 0.5):
        shifted = replace(pose, xyz_m=pose.xyz_m + np.array([across, 0, 0], np.float32))
        assert hue(both, at(panel.axes, shifted, "l_hip", "l_knee")) == "left"
        assert hue(both, at(panel.axes, shifted, "r_hip", "r_knee")) == "right"


def test_a_missing_joint_takes_only_its_bone(panel: Panel) -> None:
    pose = body3d()
    forearm = at(panel.axes, pose, "l_elbow", "l_wrist")
    xyz = pose.xyz_m.copy()
    xyz[H36M_17.index("l_wrist")] = np.nan
    image = draw(panel, replace(pose, xyz_m=xyz))
    assert hue(image, forearm) == "middle"
    assert hue(image, at(panel.axes, pose, "r_elbow", "r_wrist")) == "right"


def test_a_filled_in_joint_is_hollow() -> None:
    panel, pose = Panel(720, 720), body3d()
    wrist = H36M_17.index("l_wrist")
    origin = pose.origin.copy()
    origin[wrist] = Origin.INTERPOLATED
    image = np.zeros((720, 720, 3), np.uint8)
    panel.draw(image, [replace(pose, origin=origin)])
    x, y = np.rint(at(panel.axes, pose, "l_wrist")).astype(int)
    assert image[y, x].max() < 70


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.floats(-2, 2, width=32) | st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=51, max_size=51
    ),
    st.integers(1, 3),
)
@example([float("nan")] * 51, 2)
def test_any_coordinates_are_drawn_without_an_error(panel: Panel, numbers: list[float], people: int) -> None:
    xyz = np.array(numbers, np.float32).reshape(17, 3)
    image = draw(panel, *[replace(body3d(n), xyz_m=xyz) for n in range(people)])
    if not np.isfinite(xyz).all(1).any():
        assert np.array_equal(image, draw(panel))  # only the axes


def test_the_lowest_joint_stands_on_the_floor() -> None:
    assert Ground().heights_m([body3d()]) == [pytest.approx(PELVIS_M)]
    upside_down = replace(body3d(), xyz_m=-body3d().xyz_m)
    assert Ground().heights_m([upside_down]) == [pytest.approx(0.7 + 0.08)]


def test_a_pelvis_rises_at_once_and_sinks_slowly() -> None:
    ground, tall = Ground(), body3d()
    crouched = replace(tall, xyz_m=tall.xyz_m * np.float32(0.4))
    heights = [ground.heights_m([replace(tall, time_s=0.0)])[0]]
    heights += [ground.heights_m([replace(crouched, time_s=n / 10)])[0] for n in range(1, 11)]
    steps = np.diff(heights)
    assert (steps <= 0).all() and steps.min() >= -0.091
    assert heights[-1] == pytest.approx(0.4 * 0.84 + 0.08)
    assert ground.heights_m([replace(tall, time_s=1.1)])[0] == pytest.approx(PELVIS_M)


def test_without_legs_a_person_has_a_standing_height() -> None:
    pose = body3d()
    xyz = pose.xyz_m.copy()
    for joint in ("l_knee", "l_ankle", "r_knee", "r_ankle"):
        xyz[H36M_17.index(joint)] = np.nan
    (height_m,) = Ground().heights_m([replace(pose, xyz_m=xyz)])
    assert 0.8 < height_m < 1.0
