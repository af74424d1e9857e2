"""What files are called, which are refused, and which a browser may show. Pure."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

#: Programs, scripts and what hides them: mail servers refuse them, and so do we.
REFUSED_ENDINGS: Final = frozenset(
    {
        "ade", "adp", "apk", "app", "appx", "bat", "cab", "chm", "cmd", "com", "cpl", "dll", "dmg", "docm", "dotm",
        "exe", "gadget", "hta", "html", "htm", "img", "inf", "ins", "iso", "jar", "js", "jse", "lib", "lnk", "mde",
        "msc", "msi", "msix", "msp", "mst", "nsh", "pif", "potm", "ppam", "pptm", "ps1", "reg", "scr", "sct", "sh",
        "svg", "sys", "url", "vb", "vbe", "vbs", "vhd", "vxd", "wsc", "wsf", "wsh", "xhtml", "xlam", "xll", "xlsm",
        "xltm",
    }
)  # fmt: skip
#: What browsers may show by themselves, by how such files begin; everything else is only ever downloaded.
_BEGINNINGS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
#: The type under which anything is downloaded.
DOWNLOAD: Final = "application/octet-stream"


def clean_name(name: str) -> str:
    """Return a file's name without paths and control characters."""
    plain = PurePath(name.replace("\\", "/")).name
    kept = "".join(character for character in plain if character.isprintable() and character not in '<>:"|?*')
    return kept.strip(" .")[-200:] or "file"


def ending_of(name: str) -> str:
    """Return what comes after the last dot, lower case."""
    return PurePath(name).suffix.lower().removeprefix(".")


def is_risky(name: str) -> bool:
    """Say whether opening a file of that name may run a program."""
    return ending_of(name) in REFUSED_ENDINGS


def shown_type(data: bytes) -> str:
    """Return the type that the bytes themselves prove, if a browser may show it, else ``""``."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), "")
