"""Safe reading of ``.npz`` files whose members are pickled dictionaries: they can't run code.

The pose files of VideoPose3D store nested dictionaries of arrays, which NumPy can only pickle. ``numpy.load`` with
``allow_pickle=True`` runs whatever a pickle asks for, so a file from a stranger could do anything. Here only the few
constructors that arrays and numbers need are allowed; everything else is refused by name.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from pipeline.errors import DataError

# NumPy 2 writes numpy._core where NumPy 1 wrote numpy.core; both exist for reading.
_ALLOWED = {
    (module, name)
    for core in ("numpy.core", "numpy._core")
    for module, name in (
        (f"{core}.multiarray", "_reconstruct"),
        (f"{core}.multiarray", "scalar"),
        (f"{core}.numeric", "_frombuffer"),
    )
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"), ("collections", "OrderedDict")}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED and not (module == "numpy.dtypes" and name.endswith("DType")):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which pose data never needs")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_objects(path: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """The members ``names`` of a ``.npz`` file; a pickled object comes back as the dictionary in it.

    Raises:
        DataError: the file is missing, damaged, lacks a member, or holds more than arrays, numbers and containers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            present = [name.removesuffix(".npy") for name in archive.namelist()]
            missing = [name for name in names if name not in present]
            if missing:
                raise DataError(f"{path}: {', '.join(missing)} is missing; the file has {', '.join(present)}")
            result = {}
            for name in names:
                with archive.open(f"{name}.npy") as member:
                    result[name] = _read_member(member)
            return result
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, pickle.UnpicklingError, ValueError, EOFError, TypeError, AttributeError) as error:
        raise DataError(f"{path} can't be read as pose data: {error}") from error


def _read_member(member: IO[bytes]) -> Any:
    version = np.lib.format.read_magic(member)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(member)
    if not dtype.hasobject:
        raise ValueError(f"expected a dictionary, found an array of {dtype.name}")
    stored = _ArraysOnly(member).load()
    return stored.item() if shape == () and isinstance(stored, np.ndarray) else stored
