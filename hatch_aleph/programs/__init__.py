"""The life of a program once it is published, and programs made without a project: create, update, delete, list, ...

One module a command; all of them look first, send through the deployments' journal, await every message, and forget
nothing that a live program still needs.
"""
