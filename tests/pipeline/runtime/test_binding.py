"""IO binding on the CPU provider: the same numbers as a plain run."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from pipeline.runtime import Device, OnnxModel
from pipeline.runtime.binding import BoundRun, can_bind
from pipeline.runtime.cards import Card, find_card
from pipeline.runtime.model import sample


def session_of(name: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    path = find_card(name, Card).model_path
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", ["movenet-lightning", "movenet-thunder", "blazepose-heavy"])
def test_the_same_results_as_a_plain_run(name: str) -> None:
    session = session_of(name)
    assert can_bind(session)
    feed = sample(session, batch=1)
    plain, bound = session.run(None, feed), BoundRun(session)(feed)
    assert len(plain) == len(bound)
    for one, other in zip(plain, bound, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_symbolic_batch_is_not_bound() -> None:
    assert not can_bind(session_of("lift-27"))


def test_changed_inputs_give_changed_results_and_old_results_stay(gpu_machine, detector_card) -> None:
    """One array used again for the next frame: the binding of the stand-in copies early, as a GPU's does."""
    sessions = gpu_machine()
    model, plain = OnnxModel(detector_card, Device("cuda"), 1), OnnxModel(detector_card, Device("cpu"), 1)
    pixels = np.zeros((1, 192, 192, 3), np.int32)
    (first,) = model.run(pixels)
    kept = first.copy()
    pixels[:] = np.random.default_rng(2).integers(0, 256, pixels.shape)
    (second,) = model.run(pixels)
    np.testing.assert_array_equal(second, plain.run(pixels)[0])
    np.testing.assert_array_equal(first, kept)
    assert not np.array_equal(first, second) and sessions.opened[0].bound_runs == 3


def test_arrays_that_are_not_contiguous() -> None:
    session = session_of("movenet-lightning")
    (name,) = (node.name for node in session.get_inputs())
    mirrored = sample(session, batch=1)[name][:, :, ::-1]
    np.testing.assert_array_equal(BoundRun(session)({name: mirrored})[0], session.run(None, {name: mirrored})[0])
