"""Into and out of the formats of weights: ONNX, published checkpoints, cards."""
