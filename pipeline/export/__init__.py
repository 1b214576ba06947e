"""Results into files: one file of this folder per format, all of them a ``Sink``."""
