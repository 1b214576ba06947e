from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.network.flops import attention_products, multiply_adds
from models.network.strided_transformer import STRIDES, Architecture, StridedTransformer


def counted_flops(arch: Architecture, batch: int) -> int:
    network = StridedTransformer(arch).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(batch, arch.window, arch.joints, arch.channels))
    return counter.get_total_flops()


@pytest.mark.parametrize("window", sorted(STRIDES))
@pytest.mark.parametrize(("vanilla", "strided"), [("full", "full"), ("strided", "strided"), ("full", "strided")])
def test_formula_equals_counter(window: int, vanilla: str, strided: str) -> None:
    arch = Architecture(window, d_model=32, d_hidden=48, heads=4, vanilla_attention=vanilla, strided_attention=strided)
    assert counted_flops(arch, batch=2) == 2 * 2 * sum(multiply_adds(arch).values())


def test_other_sizes_and_strides() -> None:
    arch = Architecture(40, 15, 2, 24, 40, 2, 2, (2, 5, 4), "strided", "full", True)
    assert counted_flops(arch, batch=1) == 2 * sum(multiply_adds(arch).values())


def test_attention_products_by_hand() -> None:
    assert attention_products(9, 10, "full") == 9 * 9 * 10 * 2
    assert attention_products(9, 10, "strided") == (9 * 3 * 5 + 9 * 3 * 5) * 2
    assert attention_products(13, 10, "strided") == attention_products(13, 10, "full")


def test_strided_attention_saves_more_in_longer_windows() -> None:
    saved = [attention_products(n, 8, "full") / attention_products(n, 8, "strided") for n in sorted(STRIDES)]
    assert saved == sorted(saved) and saved[0] == pytest.approx(4.5) and saved[-1] == pytest.approx(17.55)
