"""Beam in the process of a test."""

from pipeline.config.beam_options import IN_MEMORY

UNPACKED = "--sdk_container_image=none"
"""Keeps TFX from packing itself for workers elsewhere, a second and more for each executor that is made."""
BEAM_ARGS = [f"--runner={IN_MEMORY}", UNPACKED]
"""What an executor gets."""
