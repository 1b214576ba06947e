from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ExportError
from pipeline.export.run_json import write_run_json
from pipeline.types import Origin


def test_values_become_plain_json(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_run_json(
        path,
        {
            "fps": np.float32(29.5),
            "bad": float("nan"),
            "worse": np.array([1.0, np.inf]),
            "out": Path("a/b"),
            "origin": Origin.HELD,
            "settled": True,
            "counts": {3: (1, 2)},
            "who": "Zoë",
            "none": None,
        },
    )
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "fps": 29.5,
        "bad": None,
        "worse": [1.0, None],
        "out": str(Path("a/b")),
        "origin": "held",
        "settled": True,
        "counts": {"3": [1, 2]},
        "who": "Zoë",
        "none": None,
    }
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    write_run_json(path, {"run": 1})

    def fail(*_: object) -> None:
        raise ExportError("disk full")

    monkeypatch.setattr("pipeline.export.part_file.PartFile.append", fail)
    with pytest.raises(ExportError):
        write_run_json(path, {"run": 2})
    assert json.loads(path.read_text(encoding="utf-8")) == {"run": 1}
