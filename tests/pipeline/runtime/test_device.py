from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.runtime import Device, parse_device


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [("auto", "auto", 0), ("cpu", "cpu", 0), ("cuda", "cuda", 0), ("CUDA:2", "cuda", 2), ("tensorrt:1", "tensorrt", 1)],
)
def test_devices(text: str, kind: str, number: int) -> None:
    assert parse_device(text) == Device(kind, number)


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:-1", "cpu:1", "", "cuda 0"])
def test_unknown_devices(text: str) -> None:
    with pytest.raises(ConfigError, match="use auto, cpu, cuda"):
        parse_device(text)
