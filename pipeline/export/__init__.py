"""Results to files: one module per format, each with a ``Sink``."""
