"""The inside of a local machine: what runs in the program's own process, in the runtime's Python.

Only the standard library and what the runtime's init has loaded before the program (aiohttp, msgpack). The host
imports nothing but these constants: it starts the rest as ``python -OO -S -c "..."`` with this folder's parent on the
path. It behaves as the runtime's init does (``runtimes/aleph-debian-12-python/init1.py`` in aleph-im/aleph-vm),
written anew.
"""

# Where the guest has what the host puts there.
CODE_ROOT, PACKAGES_ROOT = "/opt/code", "/opt/packages"
GUEST_HOME = "/root"
INIT = f"{GUEST_HOME}/init1.py"
LIBRARIES_ROOT = "/opt/aleph/libs"
GUEST_API = "/tmp/socat-socket"  # noqa: S108 - where the runtime's socat listens

# In a machine's folder: what is the same for all programs, and what its own needs.
BASE, PLAN = "base.json", "plan.json"

# Printed before the import that is to be measured, and again, with its milliseconds, after it.
MEASURE_MARK = "measured from here"
# Then what was read, by package: JSON.
READS_MARK = "read by package: "
# Or which packages a first answer does without: JSON.
UNUSED_MARK = "not used: "
