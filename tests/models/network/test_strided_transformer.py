from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.exchange.export_onnx import export, parity
from models.network.losses import frame_weights, mpjpe, sequence_mpjpe, velocity_error
from models.network.strided_transformer import STRIDES, Architecture, OfficialLayerNorm, StridedTransformer

SMALL: dict[str, Any] = {"d_model": 16, "d_hidden": 32, "heads": 4, "vanilla_layers": 1}


@pytest.mark.parametrize("window", sorted(STRIDES))
@pytest.mark.parametrize("attention", ["full", "strided"])
@pytest.mark.parametrize("channels", [2, 3])
def test_shapes(window: int, attention: str, channels: int) -> None:
    arch = Architecture(window, channels=channels, vanilla_attention=attention, strided_attention=attention, **SMALL)
    frame, sequence = StridedTransformer(arch).eval()(torch.randn(2, window, 17, channels))
    assert frame.shape == (2, 17, 3) and sequence.shape == (2, window, 17, 3)
    assert Architecture.from_dict(arch.to_dict()) == arch


def test_the_frame_head_sees_the_whole_window() -> None:
    torch.manual_seed(0)
    network = StridedTransformer(Architecture(27, vanilla_attention="strided", **SMALL)).eval()
    x = torch.randn(1, 27, 17, 3, requires_grad=True)
    gradient = torch.autograd.grad(network(x)[0].sum(), x)[0]
    assert (gradient.abs().sum((0, 2, 3)) > 0).all()


def test_wrong_windows_and_strides() -> None:
    with pytest.raises(ValueError, match="window 28"):
        Architecture(28)
    with pytest.raises(ValueError, match="multiply to 9"):
        Architecture(27, strides=(3, 3))
    assert Architecture(8, strides=(2, 4)).strides == (2, 4)


def test_official_layer_norm_by_hand() -> None:
    norm = OfficialLayerNorm(3, eps=0.5)
    out = norm(torch.tensor([[1.0, 2.0, 3.0]]))  # mean 2, unbiased standard deviation 1
    assert out.tolist()[0] == pytest.approx([-1 / 1.5, 0, 1 / 1.5])


@pytest.mark.parametrize("official", [False, True])
@pytest.mark.parametrize("attention", ["full", "strided"])
def test_export_keeps_the_numbers(tmp_path, attention: str, official: bool) -> None:
    torch.manual_seed(0)
    arch = Architecture(
        27, vanilla_attention=attention, strided_attention=attention, official_layer_norm=official, **SMALL
    )
    network = StridedTransformer(arch)
    network.train()
    with torch.no_grad():  # batch norms with statistics of their own: an exporter that forgets them shows
        network(torch.randn(64, 27, 17, 3) * 3 + 1)
    network.eval()
    export(network, tmp_path / "x.onnx")
    windows = np.random.default_rng(0).normal(size=(5, 27, 17, 3)).astype(np.float32)
    measured = parity(network, tmp_path / "x.onnx", windows)
    assert set(measured) == {"max_abs_m_batch_1", "max_abs_m_batch_5"} and max(measured.values()) < 1e-5


def test_losses_by_hand() -> None:
    truth = torch.zeros(1, 3, 2, 3)
    predicted = truth.clone()
    predicted[0, 1, :, 0] = 3.0
    predicted[0, 1, :, 1] = 4.0  # the middle frame is 5 away
    assert mpjpe(predicted, truth) == pytest.approx(5 / 3)
    assert sequence_mpjpe(predicted, truth, torch.tensor([0.0, 3.0, 0.0])) == pytest.approx(5)
    assert velocity_error(predicted, truth) == pytest.approx(5)


@pytest.mark.parametrize(("window", "target"), [(27, 13), (27, 26), (81, 40)])
def test_frame_weights_peak_at_the_target(window: int, target: int) -> None:
    alpha = frame_weights(window, target)
    assert alpha.mean() == pytest.approx(1, abs=1e-6) and int(alpha.argmax()) == target
    before, after = alpha[: target + 1].diff(), alpha[target:].diff()
    assert (before > -1e-6).all() and (after < 1e-6).all() and alpha.min() > 0.1
