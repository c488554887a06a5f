"""The network's node on one machine: the same API, checks, statuses and error codes, in one process and one folder.

It consists of its *state* (SQLite and files), *rules* (one module a message type), a *processor* that takes messages
through them, and the *api* over HTTP. ``application_of(Node(folder))`` is an aiohttp application; everything outside
talks to it by HTTP.
"""

from hatch_aleph.local.node.embedded_node import Node
from hatch_aleph.local.node.intake import Lateness
from hatch_aleph.local.node.limits import Limits
from hatch_aleph.local.node.pyaleph_releases import RELEASES
from hatch_aleph.local.node.server import application_of, serve_application

__all__ = ["RELEASES", "Lateness", "Limits", "Node", "application_of", "serve_application"]
