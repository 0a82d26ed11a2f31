"""What a benchmark ran on, in a line: processor, cores, memory, versions."""

import importlib.metadata
import os
import platform
from pathlib import Path


def description(*packages: str) -> str:
    """The machine, and the versions of packages that matter; those that are missing are left out."""
    parts = [_processor(), f"{os.cpu_count()} cores"]
    if hasattr(os, "sysconf"):
        parts.append(f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB")
    parts.append(f"Python {platform.python_version()}")
    for package in packages:
        try:
            parts.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(parts)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = [name for name in ("avx2", "avx512_vnni", "amx_int8") if name in fields.get("flags", "").split()]
    return " ".join([fields.get("model name", platform.machine()), *([f"({', '.join(flags)})"] if flags else [])])
