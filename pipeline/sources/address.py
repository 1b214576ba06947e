"""Network addresses: the known kinds, and the part that may be shown."""

from __future__ import annotations

import re

STREAM_SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "srt://")

_SECRET_KEY = r"[^=&#]*(?:pass|pwd|secret|token|key|auth|sig)[^=&#]*"


def is_address(text: str) -> bool:
    """True for a network address of a known kind."""
    return text.lower().startswith(STREAM_SCHEMES)


def is_http(text: str) -> bool:
    """True for an address that a web server answers."""
    return text.lower().startswith(("http://", "https://"))


def public_name(url: str) -> str:
    """The address without name and password, and without values of its query that look like secrets."""
    url = re.sub(r"//[^/?#]*@", "//", url, count=1)
    return re.sub(rf"(?i)([?&]{_SECRET_KEY}=)[^&#]*", r"\1...", url)
