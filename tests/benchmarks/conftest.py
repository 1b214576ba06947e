from __future__ import annotations

from collections.abc import Iterator

import cv2
import pytest
import torch


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    """Benchmarks choose the threads of libraries for their whole process."""
    of_opencv, of_torch = cv2.getNumThreads(), torch.get_num_threads()
    yield
    cv2.setNumThreads(of_opencv)
    torch.set_num_threads(of_torch)
