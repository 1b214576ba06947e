"""Export and import of weights: ONNX files, published checkpoints, cards."""
