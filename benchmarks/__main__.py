"""``python -m benchmarks``: print every table. Each part runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

PARTS = {
    "step": "step:main",
    "ren2024": "ren2024:main",
    "ren2024_run": "ren2024:run",
    "sadrtdinov2024": "sadrtdinov2024:main",
    "you2019": "you2019:main",
    "traces": "program:traces",
    "answers": "program:answers",
    "memory": "program:memory",
}


def main(names: list[str]) -> int:
    """Run the named parts, or all of them; return the number that failed."""
    failed = 0
    # One host device a core, as in a sweep: a chunk then lives in the cache of one core.
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={os.cpu_count()}"
    for name in names or PARTS:
        module, function = PARTS[name].split(":")
        code = f"from benchmarks.{module} import {function}; print(*{function}(), sep='\\n')"
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "XLA_FLAGS": flags}, check=False)
        failed += done.returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
