"""Judging finished lifters: on motion capture through virtual cameras, and on footage with triangulated truth."""
