from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.lift.quality import find_quality


@pytest.mark.parametrize(("name", "message"), [("fats", "did you mean 'fast'"), ("x", "fast, standard, best")])
def test_unknown_names_get_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"quality '{name}' is not known; .*{message}"):
        find_quality(name)


def test_live_sources_refuse_what_needs_many_frames_at_once() -> None:
    with pytest.raises(ConfigError, match=r"quality 'fast' is for clips: .*`latency`"):
        find_quality("fast", live=True)
    assert find_quality("best", live=True).mirror
