"""The network on this machine: a node that stores, checks and serves, and a host that runs programs."""
