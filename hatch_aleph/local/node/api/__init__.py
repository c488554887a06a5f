"""The node over HTTP: one module a part of the API, none of the network's rules."""
