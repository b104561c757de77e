"""The doctor: what limits a run, in plain words, and what to try."""

from pinn.doctor.diagnose import diagnose

__all__ = ["diagnose"]
