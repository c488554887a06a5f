"""The table of commands: what `--help` and the `aleph` environment list without importing any of them."""

from __future__ import annotations

# name -> (module, attribute, one line of help); the help stands here so that `--help` imports no command.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "build": ("build", "build", "Build the code image, the packages image and the manifest."),
    "deploy": ("deploy", "deploy", "Build what changed, publish it, wait until the program answers."),
    "serve": ("serve", "serve", "Run the built images here, as the VM would."),
    "node": ("node", "node", "Run the network on this machine: a node and a host."),
    "faucet": ("node", "faucet", "Give credits and tokens of a local node to an address."),
    "account": ("account", "account", "Make and show accounts."),
}
