from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from models.data.object_npz import read_objects
from pipeline.errors import DataError


class _Harmful:
    def __reduce__(self):
        return (os.mkdir, ("harmed",))


def test_what_numpy_writes_comes_back(tmp_path: Path) -> None:
    value = {
        "S9": {"Walking 1": np.arange(6, dtype=np.float32).reshape(2, 3), "views": [np.zeros((1, 2)), np.float64(0.5)]},
        "numbers": [np.int64(4), 5, 1.5, "text", None, True, (1, 2)],
        "order": OrderedDict(a=1),
        "fortran": np.asfortranarray(np.ones((2, 3))),
    }
    path = tmp_path / "file.npz"
    np.savez_compressed(path, positions=value, other={"x": 1})  # type: ignore[arg-type]
    found = read_objects(path, ("positions", "other"))
    assert found["other"] == {"x": 1}
    assert (found["positions"]["S9"]["Walking 1"] == value["S9"]["Walking 1"]).all()  # type: ignore[index]
    assert found["positions"]["numbers"] == value["numbers"] and found["positions"]["order"] == {"a": 1}
    assert (found["positions"]["fortran"] == 1).all()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_any_pickle_protocol_and_numpy(tmp_path: Path, protocol: int, core: bytes) -> None:
    array = np.array({"S1": {"Jog": np.arange(4, dtype=np.float32)}}, object)
    stored = pickle.dumps(array, protocol)
    if protocol == 2:  # protocol 2 names modules in lines, which may have any length
        stored = stored.replace(b"numpy._core", core).replace(b"numpy.core", core)
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive, archive.open("positions.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": ()})
        member.write(stored)
    found = read_objects(tmp_path / "file.npz", ("positions",))["positions"]
    assert (found["S1"]["Jog"] == [0, 1, 2, 3]).all()


def test_code_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "file.npz", positions={"S1": _Harmful()})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"mkdir, which pose data never needs"):
        read_objects(tmp_path / "file.npz", ("positions",))
    assert not (tmp_path / "harmed").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    with pytest.raises(DataError, match="No such file"):
        read_objects(path, ("positions",))
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="can't be read as pose data"):
        read_objects(path, ("positions",))
    np.savez(path, joints=np.zeros(3))
    with pytest.raises(DataError, match="positions is missing; the file has joints"):
        read_objects(path, ("positions",))
    with pytest.raises(DataError, match="array of float64"):
        read_objects(path, ("joints",))
    np.savez_compressed(path, positions={"S1": np.random.default_rng(0).normal(size=1000)})  # type: ignore[arg-type]
    whole = path.read_bytes()
    path.write_bytes(whole[:2000] + bytes(500) + whole[2500:])
    with pytest.raises(DataError, match="can't be read"):
        read_objects(path, ("positions",))
