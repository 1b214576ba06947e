from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

from pipeline.errors import DeviceError, ModelError
from pipeline.lift import windows
from pipeline.runtime import Device, OnnxModel, gpu
from pipeline.runtime.cards import Card, file_sha256
from pipeline.runtime.model import FP16_LIMIT, LARGEST_BATCH, largest_difference
from pipeline.runtime.session import first_line

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def test_cuda_is_used_when_it_can_be(card: Card, gpu_machine, keypoints) -> None:
    sessions = gpu_machine()
    automatic, second = OnnxModel(card, Device("auto")), OnnxModel(card, Device("cuda", 1))
    assert automatic.provider == second.provider == CUDA
    assert automatic.choice.startswith("cuda:0 (device auto") and second.choice == "cuda:1"
    asked = sessions.opened[-1].asked
    assert list(asked) == [CUDA, CPU] and asked[CUDA]["device_id"] == "1" and asked[CUDA]["use_tf32"] == "0"
    for got, true in zip(second.run(keypoints), OnnxModel(card, Device("cpu")).run(keypoints), strict=True):
        np.testing.assert_array_equal(got, true)


def test_onnx_runtime_may_never_change_to_the_cpu_by_itself(card: Card, gpu_machine) -> None:
    sessions = gpu_machine()
    OnnxModel(card, Device("tensorrt"))
    OnnxModel(card, Device("cuda"))
    assert {session.enable_fallback for session in sessions.opened} == {0}


def test_asked_for_cuda_and_got_the_cpu_is_an_error(card: Card, gpu_machine) -> None:
    gpu_machine((CPU,))
    with pytest.raises(DeviceError, match=r"device cuda:0 was asked for.*CPUExecutionProvider.*doctor"):
        OnnxModel(card, Device("cuda"))


def test_asked_for_tensorrt_and_got_cuda_is_an_error(card: Card, gpu_machine) -> None:
    gpu_machine((CUDA, CPU))
    with pytest.raises(DeviceError, match=r"device tensorrt:0 was asked for.*CUDAExecutionProvider"):
        OnnxModel(card, Device("tensorrt"))


def test_what_is_missing_is_named(card: Card, gpu_machine, monkeypatch) -> None:
    gpu_machine()
    monkeypatch.setattr(gpu, "gpu_problem", lambda device: "libcudnn.so.9 can't be loaded")
    with pytest.raises(DeviceError, match=r"device cuda:2 was asked for, but libcudnn.so.9 .*doctor.*the device cpu"):
        OnnxModel(card, Device("cuda", 2))


@pytest.mark.parametrize("driver", [None, gpu.Driver((13, 0), 1)])
def test_auto_warns_about_libraries_only_if_there_is_a_gpu(
    card: Card, gpu_machine, monkeypatch, caplog, driver
) -> None:
    gpu_machine()
    monkeypatch.setattr(gpu, "gpu_problem", lambda device: "libcudnn.so.9 can't be loaded")
    monkeypatch.setattr(gpu, "find_driver", lambda: driver)
    automatic = OnnxModel(card, Device("auto"))
    assert automatic.provider == CPU and automatic.choice == "cpu (device auto: libcudnn.so.9 can't be loaded)"
    assert ("libcudnn.so.9" in caplog.text) == (driver is not None)


def test_auto_says_once_that_it_left_the_gpu(card: Card, gpu_machine, caplog) -> None:
    gpu_machine((CPU,))
    for _ in range(2):
        assert OnnxModel(card, Device("auto")).provider == CPU
    assert caplog.text.count("running on the CPU") == 1 and "CPUExecutionProvider" in caplog.text


def no_memory(session, batch: int) -> None:
    if CUDA in session.get_providers() and batch == LARGEST_BATCH:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 1\nat bfc_arena.cc")


def test_a_gpu_that_fails_at_the_warm_up(card: Card, gpu_machine, caplog) -> None:
    gpu_machine(fails=no_memory)
    with pytest.raises(
        DeviceError, match=r"device cuda:0 .*Failed to allocate[^\n]*memory is full[^\n]*the device cpu"
    ):
        OnnxModel(card, Device("cuda"))
    assert OnnxModel(card, Device("auto")).provider == CPU
    assert "memory is full" in caplog.text


@pytest.mark.parametrize(
    ("message", "hint"),
    [("CUDA failure 2: out of memory", "memory is full"), ("CUDNN failure 5000: launch failed", "nvidia-smi")],
)
@pytest.mark.parametrize("which", ["card", "detector_card"])
def test_a_gpu_that_fails_in_mid_run(request, gpu_machine, which: str, message: str, hint: str) -> None:
    card = request.getfixturevalue(which)
    sessions = gpu_machine()
    model = OnnxModel(card, Device("cuda"))

    def broken(session, batch: int) -> None:
        raise RuntimeError(message)

    sessions.fails = broken
    node = sessions.opened[-1].get_inputs()[0]
    inputs = np.zeros([1, *node.shape[1:]], np.int32 if "int" in node.type else np.float32)
    with pytest.raises(DeviceError) as caught:
        model.run(inputs)
    text = str(caught.value)
    assert all(words in text for words in ("cuda:0", card.name, message, hint, "use the device cpu"))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_wrong_shape_is_not_the_gpus_fault(card: Card, detector_card: Card, gpu_machine) -> None:
    gpu_machine()
    with pytest.raises(Exception, match="INVALID_ARGUMENT") as caught:
        OnnxModel(card, Device("cuda")).run(np.zeros((1, 26, 17, 3), np.float32))
    assert not isinstance(caught.value, DeviceError)
    for wrong in (np.zeros((1, 190, 192, 3), np.int32), np.zeros((1, 192, 192, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"must be int32 \(1, 192, 192, 3\), not u?int"):
            OnnxModel(detector_card, Device("cuda")).run(wrong)


def test_gpus_are_warmed_up_at_the_smallest_and_the_largest_batch(card: Card, detector_card: Card, gpu_machine) -> None:
    sessions = gpu_machine()
    for asked, device in ((card, "cuda"), (detector_card, "cuda"), (card, "cpu")):
        OnnxModel(asked, Device(device))
    lifter, detector, cpu = sessions.opened
    assert (lifter.batches, detector.bound_runs, cpu.batches) == ([1, LARGEST_BATCH], 1, [])
    assert windows.BATCH <= LARGEST_BATCH, "lifters get larger batches than the warm-up has seen"


def test_half_precision_with_parity(card: Card, gpu_machine) -> None:
    sessions = gpu_machine(half_error=0.9 * FP16_LIMIT)
    model = OnnxModel(card, Device("tensorrt"))
    assert (model.provider, model.precision) == (TENSORRT, "fp16") and "fp16" in model.choice
    assert list(sessions.opened[0].asked) == [TENSORRT, CUDA, CPU]


@pytest.mark.parametrize("half_error", [1.1 * FP16_LIMIT, np.nan])
def test_half_precision_without_parity(card: Card, gpu_machine, caplog, keypoints, half_error: float) -> None:
    sessions = gpu_machine(half_error=half_error)
    model = OnnxModel(card, Device("tensorrt"))
    assert (model.provider, model.precision) == (TENSORRT, "fp32")
    used = sessions.opened[-1]
    assert used.asked[TENSORRT]["trt_fp16_enable"] == "0" and used.batches == [1, LARGEST_BATCH]
    assert f"{card.name} runs in full precision" in caplog.text
    np.testing.assert_array_equal(model.run(keypoints)[0], OnnxModel(card, Device("cpu")).run(keypoints)[0])


def test_half_precision_that_can_not_even_be_built(card: Card, gpu_machine, caplog) -> None:
    def broken(session, batch: int) -> None:
        if session.asked.get(TENSORRT, {}).get("trt_fp16_enable") == "1":
            raise RuntimeError("TensorRT EP failed to create engine")

    gpu_machine(fails=broken)
    assert OnnxModel(card, Device("tensorrt")).precision == "fp32"
    assert "failed to create engine" in caplog.text


def test_tensorrt_keeps_its_engines(card: Card, gpu_machine, tmp_path, caplog) -> None:
    sessions = gpu_machine()
    OnnxModel(card, Device("tensorrt"))
    options = sessions.opened[0].asked[TENSORRT]
    assert options["trt_engine_cache_enable"] == "1"
    assert options["trt_engine_cache_path"].startswith(str(tmp_path / "cache"))
    assert "takes minutes" in caplog.text


def test_largest_difference() -> None:
    true = [np.array([2.0, -4.0]), np.array([1e-6])]
    assert largest_difference(true, true) == 0
    assert largest_difference([np.array([2.0, -4.1]), true[1]], true) == pytest.approx(0.025)
    assert largest_difference([true[0], np.array([2e-6])], true) == pytest.approx(1e-4), "next to nothing stays that"
    broken = [np.array([np.nan, -4.0]), true[1]]
    assert largest_difference(broken, true) == largest_difference(true, broken) == float("inf")


def test_no_such_provider(card: Card, monkeypatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    with pytest.raises(DeviceError, match=r"tensorrt:0 was asked for, but .* was installed without tensorrt"):
        OnnxModel(card, Device("tensorrt"))


def test_the_cpu_really_runs(card: Card, caplog) -> None:
    with caplog.at_level(logging.INFO):
        model = OnnxModel(card, Device("cpu"), threads=1)
    frame, sequence = model.run(np.zeros((3, 27, 17, 3), np.float32))
    assert model.provider == CPU and frame.shape == (3, 17, 3) and sequence.shape == (3, 27, 17, 3)
    assert (model.precision, model.choice, caplog.text) == ("fp32", "cpu", "")


@pytest.mark.parametrize(("kind", "error"), [("cpu", ModelError), ("cuda", DeviceError)])
def test_a_file_that_is_no_model(card: Card, tmp_path, gpu_machine, kind: str, error) -> None:
    gpu_machine()
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no model")
    broken = replace(card, name="x", model_path=path, sha256=file_sha256(path))
    with pytest.raises(error, match=r"can't load .*x"):
        OnnxModel(broken, Device(kind))


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("/src/core/session.cc:42 Load [ONNXRuntimeError] : 1 : FAIL : no such file\ntrace", "no such file"),
        ("[ONNXRuntimeError] : 6 : wrong shape", "wrong shape"),
        ("cuda failure 2: out of memory", "cuda failure 2: out of memory"),
        ("", "RuntimeError"),
    ],
)
def test_messages_of_onnx_runtime_lose_their_place_in_its_code(message: str, line: str) -> None:
    told = first_line(RuntimeError(message))
    assert told.endswith(line) and "/src" not in told and "trace" not in told
