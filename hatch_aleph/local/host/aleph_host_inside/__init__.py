"""The inside of a local machine: what runs in the program's own process, in the runtime's Python.

Only the standard library and what the runtime's init has loaded before the program (aiohttp, msgpack). Nothing here
is imported by the host's side: the host starts it as ``python -OO -S -c "..."`` with this folder's parent on the path.
It behaves as the runtime's init does (``runtimes/aleph-debian-12-python/init1.py`` in aleph-im/aleph-vm), written anew.
"""

# Printed before the import that is to be measured, and again, with its milliseconds, after it.
MEASURE_MARK = "measured from here"
