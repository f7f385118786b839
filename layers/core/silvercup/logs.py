"""What a log may say of a bug: where it happened, never with which data."""

from __future__ import annotations

import traceback
from pathlib import PurePath

_FRAMES = 8


def where(error: BaseException) -> str:
    """The type of an unexpected error and its innermost frames; its message may hold data and is left out."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"
