"""The evaluation of finished lifters: on motion capture, on footage with true joints, by published protocols."""
