"""How long a video says it is."""

from __future__ import annotations

import re

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline.sources.decode import seconds


def stated_length(container: InputContainer, stream: VideoStream) -> tuple[float | None, bool]:
    """The length of the pictures as the container states it.

    Returns:
        Seconds from the first picture, None where nothing is stated; and whether that is about the pictures
        alone (True) or may be the length of a longer sound track (False).
    """
    own_s = seconds(stream.duration, stream.time_base)
    if own_s:
        return own_s, True
    begin_s = seconds(stream.start_time, stream.time_base) or 0.0
    # Matroska states the time at which a track ends, not how long it is.
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - begin_s, True
    if not container.duration:
        return None, False
    whole_s = container.duration / av.time_base
    if "matroska" in container.format.name:
        whole_s -= begin_s
    return whole_s, not container.streams.audio
