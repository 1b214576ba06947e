from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ModelError
from pipeline.lift.base import LifterSpec
from pipeline.lift.network import Mirrored, OnnxNetwork
from pipeline.lift.windows import BATCH, WindowLifter
from pipeline.place.scale import height_scale, scaled
from pipeline.runtime import Device
from pipeline.runtime.cards import LifterCard, find_card
from pipeline.skeletons import H36M_17
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Window
from pipeline.window.buffer import WindowBuffer
from tests.helpers.networks import FunctionNetwork, card_of, showing
from tests.helpers.stand_ins import LOADED, pose2d

FRAMES = 40


@pytest.fixture(scope="module")
def lifter() -> WindowLifter:
    return WindowLifter(OnnxNetwork(find_card("lift-27", LifterCard), Device("cpu"), threads=1))


@pytest.fixture(scope="module")
def source() -> SyntheticSource:
    return SyntheticSource(SyntheticOptions(frames=FRAMES))


@pytest.fixture(scope="module")
def windows(source: SyntheticSource) -> list[Window]:
    info = source.info
    focal = float(source.intrinsics[0, 0])
    buffer = WindowBuffer(0, 27, 13, (info.width_px, info.height_px), focal)
    due = []
    for n in range(FRAMES):
        due += buffer.push(pose2d(n, n / 30, source.truth_coco_px(n)))
    return [d.window for d in due + buffer.finish() if d.window is not None]


def test_a_true_walker_is_lifted_to_a_human_shape(lifter, source, windows) -> None:
    poses = lifter(windows)
    assert [p.frame_index for p in poses] == list(range(FRAMES))
    xyz = np.stack([p.xyz_m for p in poses])
    assert (xyz[:, 0] == 0).all() and all(p.settled for p in poses)
    head_above_feet = xyz[:, [3, 6], 1].mean() - xyz[:, 10, 1].mean()
    assert 1.2 < head_above_feet < 1.9
    truth = np.stack([source.truth_xyz_m(n) for n in range(FRAMES)])
    error = np.linalg.norm(xyz - truth, axis=-1).mean()
    assert error < 0.12, f"{1000 * error:.0f} mm"
    # left is left: hips and shoulders lie on their true side
    for left, right in ((4, 1), (11, 14)):
        across, true = xyz[:, left] - xyz[:, right], truth[:, left] - truth[:, right]
        assert ((across * true).sum(-1) > 0).mean() > 0.95


def test_batches_do_not_change_the_result(lifter, windows) -> None:
    many = windows * 2
    assert len(many) > BATCH
    together = lifter(many)
    alone = [lifter([w])[0] for w in many[:3]]
    for a, b in zip(alone, together, strict=False):
        assert a.xyz_m == pytest.approx(b.xyz_m, abs=1e-5)
    assert lifter([]) == []


def test_the_view_is_turned_back_to_the_camera(lifter, windows) -> None:
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    straight = lifter([replace(windows[0], rotation=np.eye(3, dtype=np.float32))])[0].xyz_m
    turned = lifter([replace(windows[0], rotation=quarter)])[0].xyz_m
    assert turned == pytest.approx(straight @ quarter, abs=1e-6)


def test_an_unknown_normalisation_is_refused() -> None:
    card = find_card("lift-27", LifterCard)
    with pytest.raises(ModelError, match="expects 'by moonlight'"):
        OnnxNetwork(replace(card, normalisation="by moonlight"), Device("cpu"))


def test_the_spec_and_the_models_are_those_of_the_card(lifter) -> None:
    assert lifter.spec == LifterSpec(27, 13, "person-view", previews=True)
    loaded = lifter.models["lifter"]
    assert (loaded.name, loaded.provider) == ("lift-27", "CPUExecutionProvider") and len(loaded.sha256) == 64


def test_height_gives_metric_scale(lifter, windows) -> None:
    pose = lifter(windows[:1])[0]
    assert height_scale(1.87) == pytest.approx(1.1)
    assert scaled(pose, 1.1).xyz_m == pytest.approx(pose.xyz_m * 1.1)
    assert scaled(pose, 1) is pose


def symmetric(keypoints: np.ndarray) -> np.ndarray:
    """A function [..., 17, 3] to [..., 17, 3] for which a mirror image gives the mirrored result."""
    x, y, confidence = np.moveaxis(keypoints, -1, 0)
    return np.stack([np.sin(x), y * x**2 + y.mean(-1, keepdims=True), confidence - np.abs(x)], -1).astype(np.float32)


def uneven(keypoints: np.ndarray) -> np.ndarray:
    """The same with two faults: all is too far to the right by 0.2, and the left wrist is too far away by 0.1."""
    joints = symmetric(keypoints)
    joints[..., 0] += 0.2
    joints[..., LEFT_WRIST, 2] += 0.1
    return joints


LEFT_WRIST, RIGHT_WRIST = H36M_17.index("l_wrist"), H36M_17.index("r_wrist")


def network_of(function, channels: int = 3) -> FunctionNetwork:
    def network(keypoints: np.ndarray) -> list[np.ndarray]:
        assert keypoints.shape[-1] == channels
        full = np.concatenate([keypoints, np.ones((*keypoints.shape[:-1], 3 - channels), np.float32)], -1)
        sequence = function(full)
        return [sequence[:, 13].copy(), sequence]

    return FunctionNetwork(network, card_of(channels=channels))


@pytest.mark.parametrize("channels", [2, 3])
def test_the_mirror_changes_nothing_for_a_symmetric_network(windows, channels: int) -> None:
    plain, seen_twice = network_of(symmetric, channels), network_of(symmetric, channels)
    for a, b in zip(WindowLifter(plain)(windows), WindowLifter(Mirrored(seen_twice))(windows), strict=True):
        assert b.xyz_m == pytest.approx(a.xyz_m, abs=1e-6)
    assert seen_twice.passes == 2 * plain.passes == 2 * len(windows)
    assert max(seen_twice.batches) <= BATCH


def test_the_mirror_takes_out_what_a_network_does_to_one_side_in_the_axes_of_the_view(windows) -> None:
    plain, mirrored = WindowLifter(network_of(uneven)), WindowLifter(Mirrored(network_of(uneven)))
    clean = WindowLifter(network_of(symmetric))
    expected = np.stack([pose.xyz_m for pose in clean(windows)])
    half_of_the_fault = 0.05 * np.stack([window.rotation[2] for window in windows])  # the view's z in camera axes
    expected[:, [LEFT_WRIST, RIGHT_WRIST]] += half_of_the_fault[:, None]
    assert np.stack([pose.xyz_m for pose in mirrored(windows)]) == pytest.approx(expected, abs=1e-6)
    assert np.abs(np.stack([pose.xyz_m for pose in plain(windows)]) - expected).max() > 0.15


def test_previews_are_mirrored_too(windows) -> None:
    network = network_of(uneven)
    clean, mirrored = WindowLifter(network_of(symmetric)), WindowLifter(Mirrored(network))
    expected, got = (lifter.lift_with_previews(windows[:2], windows[1:3], 4) for lifter in (clean, mirrored))
    rest = [joint for joint in range(17) if joint not in (LEFT_WRIST, RIGHT_WRIST)]
    for a, b in zip(expected[0] + expected[1], got[0] + got[1], strict=True):
        assert b.settled is a.settled and b.xyz_m[rest] == pytest.approx(a.xyz_m[rest], abs=1e-6)
    assert network.passes == 2 * 3  # windows[1] serves both


def test_whole_windows_are_turned_back_to_the_camera(lifter, windows) -> None:
    found = lifter.sequences(windows[:3])
    assert found.shape == (3, 27, 17, 3) and found.dtype == np.float32 and (found[:, :, 0] == 0).all()
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    turned = lifter.sequences([replace(w, rotation=(quarter @ w.rotation).astype(np.float32)) for w in windows[:3]])
    axes = np.stack([w.rotation for w in windows[:3]])[:, None]
    in_view, in_turned_view = found @ axes.swapaxes(-1, -2), turned @ (quarter @ axes).swapaxes(-1, -2)
    assert in_turned_view == pytest.approx(in_view, abs=1e-5)
    assert lifter.sequences([]).shape == (0, 27, 17, 3)


class Moving:
    """In place of a refine module: puts every joint where its keypoint is, in metres."""

    loaded = LOADED

    def __call__(self, lifted: np.ndarray, keypoints: np.ndarray, scale: np.ndarray) -> np.ndarray:
        assert lifted.shape == keypoints.shape and scale.shape == lifted.shape[:-2]
        assert (lifted[..., 0, :] == 0).all()
        xy = keypoints[..., :2] * scale[..., None, None]
        return np.concatenate([xy, lifted[..., 2:]], -1).astype(np.float32)


def test_every_kind_of_pose_is_refined_with_the_keypoints_of_its_own_frame(windows) -> None:
    lifter = WindowLifter(FunctionNetwork(showing(13)), refiner=Moving())

    def moved(window: Window, at: int) -> np.ndarray:
        joints = np.concatenate([window.keypoints[at, :, :2] * window.scale, window.keypoints[at, :, 2:]], -1)
        joints[0, 2] = 0
        return joints @ window.rotation

    window = windows[20]
    assert 0 < window.scale < 1
    assert lifter([window])[0].xyz_m == pytest.approx(moved(window, 13), abs=1e-6)
    newest = replace(window, target_index=window.target_index + 10)
    settled, previews = lifter.lift_with_previews([window], [newest], 3)
    assert settled[0].xyz_m == pytest.approx(moved(window, 13), abs=1e-6)
    assert previews[0].xyz_m == pytest.approx(moved(newest, 23), abs=1e-6)
    whole = lifter.sequences([window])[0]
    assert whole[[0, 26]] == pytest.approx(np.stack([moved(window, 0), moved(window, 26)]), abs=1e-6)


def test_the_scale_of_a_window_gives_back_the_rays(source, windows) -> None:
    """Keypoints times scale, turned to camera axes, are where the joints are seen."""
    window = windows[20]
    rays = np.concatenate([window.keypoints[13, :, :2] * window.scale, np.ones((17, 1), np.float32)], -1)
    camera = rays @ window.rotation
    camera = camera[:, :2] / camera[:, 2:]
    hips = source.truth_coco_px(window.target_index)[[12, 11]]  # right, left
    focal, centre = source.intrinsics[0, 0], np.array([source.info.width_px, source.info.height_px]) / 2
    assert camera[[1, 4]] * focal + centre == pytest.approx(hips, abs=0.05)
