from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.data.humaneva import HUMANEVA_15
from models.data.published_cameras import HUMAN36M_CAMERAS, HUMANEVA_CAMERAS
from models.data.videopose3d import CameraSequence
from models.evaluation.sequence_lift import BATCH, Network, WholeSequences
from models.network.refine import Refine
from pipeline.errors import DataError
from pipeline.skeletons import H36M_17
from pipeline.types import Normalisation
from pipeline.window.image_plane import image_plane


def a_sequence(frames: int, camera_number: int = 0) -> CameraSequence:
    """People at random places, seen without distortion."""
    camera = HUMAN36M_CAMERAS["S9"][camera_number]
    assert camera.lens is not None
    camera = replace(camera, lens=replace(camera.lens, radial=(0.0, 0.0, 0.0), tangential=(0.0, 0.0)))
    rng = np.random.default_rng(frames)
    world = rng.normal(0, 0.3, (frames, 17, 3)) + rng.uniform((-1, -1, 1), (1, 1, 1), (frames, 1, 3))
    truth = camera.from_world(world).astype(np.float32)
    return CameraSequence("S9", "Walking", camera, 50.0, camera.project(truth).astype(np.float32), truth)


def flat(target: int, bias: float = 0.0):
    """A network that gives the target frame's keypoints as x and y, and a bias in x."""

    def run(keypoints: np.ndarray) -> np.ndarray:
        xy = keypoints[:, target, :, :2] + np.array([bias, 0], np.float32)
        return np.concatenate([xy, np.zeros_like(xy[..., :1])], -1)

    return run


def network(run, normalisation: Normalisation = "image", channels: int = 2, lookahead: int = 2) -> Network:
    return Network("stand-in", run, 7, lookahead, 17, channels, normalisation)


@pytest.mark.parametrize("lookahead", [0, 2, 6])
def test_every_frame_is_a_target_once_and_edges_repeat(lookahead: int) -> None:
    sequence = a_sequence(BATCH + 5)
    seen: list[np.ndarray] = []

    def run(keypoints: np.ndarray) -> np.ndarray:
        seen.append(keypoints)
        return flat(6 - lookahead)(keypoints)

    lifted = WholeSequences(network(run, lookahead=lookahead), H36M_17)(sequence)
    plane = image_plane(sequence.xy_px, sequence.camera.size_px)
    assert (lifted[..., :2] == plane).all()
    windows = np.concatenate(seen)
    assert windows.shape == (BATCH + 5, 7, 17, 2) and len(seen) == 2
    assert (windows[0, : 7 - lookahead] == plane[0]).all()
    assert (windows[-1, 6 - lookahead :] == plane[-1]).all()
    assert (windows[50] == plane[50 - 6 + lookahead : 51 + lookahead]).all()


def test_the_mirrored_window_cancels_a_bias_and_keeps_the_sides() -> None:
    sequence = a_sequence(4)
    plane = image_plane(sequence.xy_px, sequence.camera.size_px)
    biased = WholeSequences(network(flat(4, bias=0.5)), H36M_17)(sequence)
    assert biased[..., 0] == pytest.approx(plane[..., 0] + 0.5)
    both = WholeSequences(network(flat(4, bias=0.5)), H36M_17, flip=True)(sequence)
    assert both[..., :2] == pytest.approx(plane, abs=1e-6)


def test_a_person_view_is_turned_back_to_the_camera() -> None:
    sequence = a_sequence(6, camera_number=2)
    shapes = []

    def ahead(keypoints: np.ndarray) -> np.ndarray:
        shapes.append(keypoints.shape)
        assert (keypoints[..., 2] == 1).all()  # the confidence
        return np.tile(np.array([0, 0, 1], np.float32), (len(keypoints), 17, 1))

    still = replace(sequence, xy_px=sequence.xy_px[:1].repeat(6, 0), truth_m=sequence.truth_m[:1].repeat(6, 0))
    lifted = WholeSequences(network(ahead, "person-view", channels=3), H36M_17)(still)
    assert shapes == [(6, 7, 17, 3)]
    # straight ahead in the view is towards the person in the camera's axes
    middle = still.truth_m[0].mean(0)
    assert lifted[0, 0] @ middle / np.linalg.norm(middle) > np.cos(np.radians(5))
    assert np.linalg.norm(lifted[0, 0]) == pytest.approx(1, abs=1e-5)


def test_refinement_with_the_true_distance() -> None:
    """Fully trusted, the pose on the rays restores x and y from true depths."""
    sequence = a_sequence(5)
    wrong = sequence.relative_m.copy()
    wrong[..., :2] += 0.2
    refine = Refine(17, 4).eval()
    with torch.no_grad():
        for parameter in refine.parameters():
            parameter.zero_()
        refine.blend[3].bias.fill_(-100.0)  # type: ignore[operator]
    lift = WholeSequences(network(lambda keypoints: wrong), H36M_17, refine=refine)
    assert lift(sequence) == pytest.approx(sequence.relative_m, abs=1e-4)


def test_an_unpublished_lens_is_assumed() -> None:
    camera = HUMANEVA_CAMERAS["S1"][0]
    xy = np.random.default_rng(0).uniform(100, 380, (3, 15, 2)).astype(np.float32)
    truth = np.zeros((3, 15, 3), np.float32)
    sequence = CameraSequence("Validate/S1", "Jog 1 chunk0", camera, 60.0, xy, truth)
    net = replace(network(flat(4), "person-view", channels=3), joints=15)
    assert np.isfinite(WholeSequences(net, HUMANEVA_15)(sequence)).all()


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(DataError, match="lifts 17 joints, the data set has 15"):
        WholeSequences(network(flat(4)), HUMANEVA_15)
    with pytest.raises(DataError, match="refine module does not belong"):
        WholeSequences(network(flat(4), "person-view"), H36M_17, refine=Refine(17))
