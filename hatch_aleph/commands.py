"""The table of commands, which `--help` and the `aleph` environment list without importing any; how each is typed."""

from __future__ import annotations

import os
import sys

# The environment that the collector defines: in it, commands are Hatch's scripts.
ENVIRONMENT = "aleph"

# Group -> name -> (module, attribute, one line of help); the help stands here so that `--help` imports no command.
GROUPS: dict[str, dict[str, tuple[str, str, str]]] = {
    "Project": {
        "init": ("init", "init", "Write what a deployment needs into pyproject.toml."),
        "build": ("build", "build", "Build the code image, the packages image and the manifest."),
        "lock": ("lock", "lock", "Write or refresh pylock.toml for the runtime."),
        "plan": ("deploy", "plan", "Show what a deployment would change and cost."),
        "deploy": ("deploy", "deploy", "Build what changed, publish it, wait until the program answers."),
        "status": ("status", "status", "Show what runs, what it costs, whether it answers."),
        "history": ("release_history", "history", "List the releases that rollback can go back to."),
        "rollback": ("release_history", "rollback", "Go back to an earlier release, without upload."),
        "verify": ("verify", "verify", "Build anew and compare with what runs, by hash."),
        "diff": ("verify", "diff", "Show which files differ from what is live."),
        "prune": ("prune", "prune", "Forget what no program needs."),
        "inspect": ("inspect", "inspect", "Tell what weighs what in the images."),
        "report": ("report", "report", "Show start, sizes, licences, releases and cost on one page."),
    },
    "Programs": {
        "create": ("create", "create", "Publish a program from a folder, an image or an archive."),
        "upload": ("create", "upload", "The same as create."),
        "update": ("update", "update", "Give a program new code, or change what it is."),
        "list": ("list_programs", "list_programs", "List the programs of an address."),
        "show": ("show", "show", "Show a program: its creation, owner, freshness and history."),
        "open": ("show", "open_program", "Open a program in the browser."),
        "logs": ("logs", "logs", "Show what a program has printed on one host."),
        "restart": ("restart", "restart", "Stop a program on its host, and start it again."),
        "stop": ("restart", "stop", "Stop a program on its host."),
        "delete": ("delete", "delete", "Delete a program and its code."),
        "persist": ("persist", "persist", "Make a program persistent."),
        "persistent": ("persist", "persistent", "The same as persist."),
        "unpersist": ("persist", "unpersist", "Make a persistent program run on demand again."),
        "unpersistent": ("persist", "unpersistent", "The same as unpersist."),
        "volume": ("volume", "volume", "Publish volumes for programs without a project, list and delete them."),
        "domain": ("domain", "domain", "Attach custom domains, list them, check their DNS records."),
        "runtime-checker": (
            "runtime_checker",
            "runtime_checker",
            "Show what a runtime holds: Python, glibc, Node.js.",
        ),
        "file": ("stored_file", "file", "Publish, pin, list, fetch and forget files."),
        "message": ("message", "message", "Show, list and forget messages of any type."),
    },
    "Account": {
        "account": ("account", "account", "Make, name, take over and show the accounts that sign."),
        "authorization": ("authorization", "authorization", "Permit others to act for your account, within bounds."),
        "alias": ("alias", "alias", "Name addresses."),
        "pricing": ("prices", "pricing", "Show what programs and files cost."),
        "credits": ("prices", "credit_account", "Show what came to an address's credits, and what went."),
    },
    "Local network": {
        "node": ("node", "node", "Run the network on this machine; name other nodes."),
        "faucet": ("node", "faucet", "Give credits and tokens of a local node to an address."),
        "serve": ("serve", "serve", "Run the built images here, as the VM would."),
        "run": ("serve", "run", "Fetch a live program from a node and run it here."),
    },
    "This tool": {
        "cache": ("cache", "cache", "Show, prune and clear what builds keep."),
        "completions": ("completions", "completions", "Print the script that completes commands in a shell."),
    },
}
COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}
_OPTIONS = {"--version": "Show the version and exit.", "-h, --help": "Show this message and exit."}
_WIDEST = 98


def version() -> str:
    """Return what `hatch-aleph --version` prints, alone or among other options."""
    from hatch_aleph import __version__

    return f"hatch-aleph, version {__version__}"


def overview() -> str:
    """Return what `hatch-aleph --help` prints; the table is all it needs, so it is there before click is."""
    try:
        width = int(os.environ.get("COLUMNS") or os.get_terminal_size(sys.stdout.fileno()).columns or 80)
    except (OSError, ValueError):  # not on a terminal
        width = 80
    lines = [
        "Usage: hatch-aleph [OPTIONS] [COMMAND] [ARGS]...\n",
        *_folded("  ", "Deploy Python projects to the Aleph Cloud network from pyproject.toml.", width),
    ]
    groups = {title: {name: text for name, (_, _, text) in group.items()} for title, group in GROUPS.items()}
    for title, entries in {"Options": _OPTIONS, **groups}.items():
        longest = max(map(len, entries))
        lines.append(f"\n{title}:")
        for name, text in entries.items():
            lines += _folded(f"  {name:{longest}}  ", text, width)
    return "\n".join([*lines, "\n  Example: hatch-aleph deploy --node http://127.0.0.1:4021"])


def _folded(start: str, text: str, width: int) -> list[str]:
    # Below forty columns of text nothing can be read: then the terminal folds. To import textwrap takes as long again.
    longest = max(min(width - 2, _WIDEST), len(start) + 40)
    lines = [start]
    for word in text.split():
        if len(lines[-1] + word) > longest:
            lines.append(" " * len(start))
        lines[-1] += f"{word} "
    return [line.rstrip() for line in lines]


def typed(command: str, *arguments: str) -> str:
    """Return a command as it is typed where this runs, for hints: ``typed("plan")`` is `hatch-aleph plan`.

    Args:
        command: Its name, with options and placeholders if need be; without any, the tool itself.
        arguments: Values, quoted for a shell.

    Raises:
        KeyError: There is no such command.
    """
    name, _, rest = command.partition(" ")
    if name not in COMMANDS:
        raise KeyError(name)
    under_hatch = os.environ.get("HATCH_ENV_ACTIVE") == ENVIRONMENT
    words = [f"hatch run {ENVIRONMENT}:{name}" if under_hatch else f"hatch-aleph {name}", *([rest] if rest else [])]
    if arguments:
        import shlex

        words += map(shlex.quote, arguments)
    return f"`{' '.join(words)}`"
