"""The guest's own root: a runtime image under a layer in memory, with the drives that a VM would have.

Source: ``init0.sh`` of the runtimes in aleph-im/aleph-vm, which does the same inside the VM; its services (sshd, socat)
are left out. Needs root, loop devices and a network namespace.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, NoReturn

from . import GUEST_API, INIT, LIBRARIES_ROOT
from .namespaces import BIND, BOOT_CAPABILITIES, NODEV, change_root, give_up_rights, mount, separate
from .system_calls import BOOTING, restrict

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_GUEST_FOLDER = "/run/aleph"


def enter(plan: dict[str, Any], listener_fd: int) -> NoReturn:
    """Move into the image and become its init.

    Args:
        plan: ``image`` (a squashfs file), ``drives`` (each ``source`` and ``read_only``), ``staging`` (an empty
            folder), ``shared`` (a folder that is shown to the guest, with the host's sockets and ``vsock.py``),
            ``hostname``, ``network`` (whether there is an ``eth0``).
        listener_fd: The listening socket that the init is to have for its vsock.

    Raises:
        OSError: The image or a drive cannot be mounted.
    """
    separate(user=False, net=True, hostname=plan["hostname"], closing=(listener_fd,))
    base = Path(plan["staging"])
    mount("tmpfs", str(base), "tmpfs", 0, "mode=0755")
    for name in ("rom", "upper", "work", "root"):
        (base / name).mkdir()
    _run("mount", "-t", "squashfs", "-o", "ro,loop,nodev", plan["image"], str(base / "rom"))
    root = base / "root"
    layers = f"lowerdir={base}/rom,upperdir={base}/upper,workdir={base}/work"
    mount("overlay", str(root), "overlay", NODEV, layers)
    _mount_kernel_folders(root)
    for index, drive in enumerate(plan["drives"]):
        _add_drive(root, "vd" + chr(ord("b") + index), drive)
    if plan["network"]:
        _run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "nowhere")
    shared = root / _GUEST_FOLDER.lstrip("/")
    shared.mkdir(parents=True)
    mount(plan["shared"], str(shared), None, BIND)
    change_root(str(root))
    # Only now: a link in the image must not lead to a folder of this machine.
    api = Path(GUEST_API)
    api.parent.mkdir(exist_ok=True)
    api.symlink_to(f"{_GUEST_FOLDER}/api")
    give_up_rights(BOOT_CAPABILITIES)
    restrict(BOOTING)
    _become_init(listener_fd)


def _mount_kernel_folders(root: Path) -> None:
    for kind, name in (("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "dev"), ("tmpfs", "run")):
        (root / name).mkdir(exist_ok=True)
        mount(kind, str(root / name), kind, 0)
    for name in _DEVICES:
        number = Path("/dev", name).stat()
        os.mknod(root / "dev" / name, number.st_mode, number.st_rdev)
    (root / "dev" / "fd").symlink_to("/proc/self/fd")
    for name, kind in (("shm", "tmpfs"), ("pts", "devpts")):
        (root / "dev" / name).mkdir()
        mount(kind, str(root / "dev" / name), kind, 0)


def _add_drive(root: Path, name: str, drive: dict[str, Any]) -> None:
    """Make a block device of a file. A mount aside holds it for as long as the machine lives, and not longer."""
    options = ["--read-only"] if drive["read_only"] else []
    device = _run("losetup", "--find", "--show", *options, drive["source"]).strip()
    aside = root / "dev" / f".{name}"  # in the new root: what is mounted in the old one goes with it
    aside.mkdir()
    try:
        _run("mount", "-o", "ro" if drive["read_only"] else "rw", device, str(aside))
    finally:
        _run("losetup", "--detach", device)
    os.mknod(root / "dev" / name, Path(device).stat().st_mode, Path(device).stat().st_rdev)


def _become_init(listener_fd: int) -> NoReturn:
    """Start the image's init with the interpreter that its first line names."""
    first_line = Path(INIT).read_text(encoding="utf-8").splitlines()[0]
    interpreter = first_line[2:].split()
    if not first_line.startswith("#!") or "python" not in interpreter[0]:
        raise OSError(f"{INIT} is no Python script: {first_line}")
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "TERM": "linux", "PYTHONPATH": LIBRARIES_ROOT}
    arguments = [*interpreter, f"{_GUEST_FOLDER}/vsock.py", str(listener_fd), INIT]
    os.execve(interpreter[0], arguments, environment)  # noqa: S606 - this process becomes the init


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
