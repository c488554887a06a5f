"""How much memory a process of its own ever had, for the tests that start one."""

from __future__ import annotations

# Source of a function for such a process. ``ru_maxrss`` would carry over the peak of the test run that starts it: a new
# process has the memory of its parent until it executes something, and Linux counts that.
PEAK = """
def peak():
    import re, resource
    from pathlib import Path
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s*([0-9]+) kB", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of macOS, in bytes
"""
