from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.runtime.cards import Card
from pipeline.runtime.engines import cache_dir, engine_dir, size_bytes

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX paths")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "posestride" / "tensorrt"


def test_a_private_folder_per_model_and_precision(card: Card, cache: Path) -> None:
    half, full = engine_dir(card, "fp16"), engine_dir(card, "fp32")
    assert half and full and half != full and half.parent == full.parent == cache == cache_dir()
    assert card.sha256[:12] in half.name, "an engine of other weights would be used"
    assert half.stat().st_mode & 0o077 == 0 and cache.stat().st_mode & 0o077 == 0


def test_a_relative_xdg_path_is_ignored(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "posestride" / "tensorrt"


def test_what_was_unused_for_longest_goes_first(card: Card, cache: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        (cache / name).mkdir(parents=True)
        (cache / name / "x.engine").write_bytes(bytes(100))
        os.utime(cache / name, (1e9 - age, 1e9 - age))
    used = engine_dir(card, "fp16", limit_bytes=10_000)
    assert used
    (used / "x.engine").write_bytes(bytes(100))
    assert size_bytes(cache) == 400
    assert engine_dir(card, "fp16", limit_bytes=250) == used
    assert {path.name for path in cache.iterdir()} == {"new", used.name}
    assert engine_dir(card, "fp16", limit_bytes=50) == used
    assert (used / "x.engine").is_file(), "the folder in use is never emptied"


def test_a_cache_that_can_not_be_written(card: Card, tmp_path: Path, caplog) -> None:
    (tmp_path / "posestride").write_text("in the way")
    assert engine_dir(card, "fp16") is None
    assert "can't be kept" in caplog.text
