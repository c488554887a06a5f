"""The network's node on one machine: the same API, checks, statuses and error codes, in one process and one folder.

It is made of *books* (SQLite and files), *rules* (one module a message type), a *processor* that takes messages
through them, and the *api* over HTTP. ``Node(folder).application()`` is an aiohttp application; everything outside
talks to it by HTTP.
"""

from hatch_aleph.local.node.node import Node, serve_node

__all__ = ["Node", "serve_node"]
