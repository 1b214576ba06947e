"""ONNX Runtime sessions with explicit providers, checked against the provider that they really use."""

from __future__ import annotations

import os
from typing import Any

import onnxruntime as ort

from pipeline.errors import DeviceError, ModelError
from pipeline.runtime.cards import Card
from pipeline.runtime.device import CPU, CUDA, PROVIDERS, TENSORRT, Device
from pipeline.runtime.engines import engine_dir


def open_session(card: Card, device: Device, threads: int, precision: str = "fp32") -> ort.InferenceSession:
    """Open a model's file on a device of kind 'cpu', 'cuda' or 'tensorrt'.

    Args:
        card: the model's card.
        device: where to run it.
        threads: CPU threads of the session; 0 = one per core.
        precision: 'fp32'; or 'fp16', which lets TensorRT compute in half precision.

    Raises:
        ModelError: ONNX Runtime can't load the file on the CPU.
        DeviceError: it can't load it on the GPU, or the session does not use the GPU.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or (os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    # Spinning workers steal the core from the other stages of the pipeline on small machines.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        asked = providers(card, device, precision)
        # Without enable_fallback=0 a session whose GPU fails during a run continues on the CPU and only prints a line.
        session = ort.InferenceSession(str(card.model_path), options, providers=asked, enable_fallback=0)
    except Exception as error:  # ONNX Runtime raises many types without a common base
        if device.kind == "cpu":
            raise ModelError(f"model {card.name}: ONNX Runtime can't load {card.model_path}: {error}") from error
        raise DeviceError(f"ONNX Runtime can't load model {card.name} on {device}: {first_line(error)}") from error
    if (got := session.get_providers()[0]) != PROVIDERS[device.kind]:
        available = ", ".join(ort.get_available_providers())
        raise DeviceError(
            f"ONNX Runtime uses {got} for model {card.name} (providers in this installation: {available}); its own "
            "messages above name the reason"
        )
    return session


def providers(card: Card, device: Device, precision: str) -> list[Any]:
    """The providers to request: the device's own, then those for operators that it can't run."""
    if device.kind == "cpu":
        return [CPU]
    number = str(device.number)
    cuda = {
        "device_id": number,
        "use_tf32": "0",  # TF32 keeps 10 bits of the mantissa: too few for the parity that the models' cards state
        # the default tries out all kernels at each new batch size, in the middle of a run
        "cudnn_conv_algo_search": "HEURISTIC",
    }
    if device.kind == "cuda":
        return [(CUDA, cuda), CPU]
    tensorrt = {"device_id": number, "trt_fp16_enable": str(int(precision == "fp16"))}
    if folder := engine_dir(card, precision):
        tensorrt |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(folder),
        }
    return [(TENSORRT, tensorrt), (CUDA, cuda), CPU]


def first_line(error: Exception) -> str:
    """The first line of an error's message, without ONNX Runtime's C++ location before it and the trace after it."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    place, marker, text = line.partition("[ONNXRuntimeError]")
    return marker + text if marker and ".cc:" in place else line
