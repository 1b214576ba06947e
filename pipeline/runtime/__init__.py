"""ONNX Runtime sessions on a chosen device, checked after loading.

ONNX Runtime falls back to the CPU without an error when a provider can't be loaded. Here the providers are
passed explicitly and compared with what the session really uses, so that "asked for CUDA, got the CPU" is an
error, except under ``auto``, which says what it chose.

- ``cards.py``: model cards: what each ONNX file is;
- ``device.py``: the names of devices;
- ``gpu.py``: GPU driver and libraries: found or missing;
- ``session.py``: one session with explicit providers and options;
- ``binding.py``: runs through IO binding, for models with fixed shapes;
- ``engines.py``: the cache of the engines that TensorRT builds;
- ``model.py``: a model on a checked device: warm-up, half precision only with parity, errors during a run.

No GPU was at hand when this was written: all of it is tested with a stand-in for ONNX Runtime's session and with
the CPU provider; speeds on GPUs are not measured yet.
"""

from pipeline.runtime.device import Device, parse_device
from pipeline.runtime.gpu import gpu_problem
from pipeline.runtime.model import LoadedModel, OnnxModel

__all__ = ["Device", "LoadedModel", "OnnxModel", "gpu_problem", "parse_device"]
