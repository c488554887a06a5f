"""A bound on a machine's memory through a control group, where this process may make one."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
MOST_PROCESSES = 4096  # threads included


@dataclass(frozen=True)
class MemoryGroup:
    """One control group; the kernel ends what in it needs more, as it does in a VM."""

    folder: Path

    @classmethod
    def named(cls, name: str, root: Path = _ROOT) -> MemoryGroup:
        """Return the group of a name, whether it is there or not."""
        own_hierarchy = root / "memory"  # version 1 of control groups
        return cls((own_hierarchy if own_hierarchy.is_dir() else root) / name)

    @classmethod
    def all_of(cls, name: str) -> list[MemoryGroup]:
        """Return the groups whose names begin with one."""
        return [cls(folder) for folder in cls.named(name).folder.parent.glob(f"{name}*")]

    @classmethod
    def create(cls, name: str, mebibytes: int, root: Path = _ROOT) -> MemoryGroup | None:
        """Make a group with a limit, or return None where that is not possible."""
        group = cls.named(name, root)
        first = group.folder.parent != root
        try:
            if not first:
                (root / "cgroup.subtree_control").write_text("+memory")
                with contextlib.suppress(OSError):  # where there is none, memory alone is bounded
                    (root / "cgroup.subtree_control").write_text("+pids")
            group.folder.mkdir()
            group.limit(mebibytes)
            group.bound_processes(root)
        except OSError:
            group.remove()
            return None
        return group

    def limit(self, mebibytes: int) -> None:
        """Set how much memory its processes may have together.

        Raises:
            OSError: The kernel refuses.
        """
        first = self.folder / "memory.limit_in_bytes"
        (first if first.exists() else self.folder / "memory.max").write_text(str(mebibytes * 1024**2))

    def bound_processes(self, root: Path = _ROOT) -> None:
        """Bound the number of processes too, where the kernel counts them: a program may fork without end."""
        with contextlib.suppress(OSError):
            if (self.folder / "pids.max").exists() and root == self.folder.parent:
                (self.folder / "pids.max").write_text(str(MOST_PROCESSES))

    @property
    def procs(self) -> Path:
        """The file by which a process joins."""
        return self.folder / "cgroup.procs"

    def remove(self) -> None:
        """Remove the group; its processes were killed and may need a moment to be gone."""
        for _ in range(20):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            if not self.folder.is_dir():
                return
            time.sleep(0.01)
