"""The user's own names: of nodes, of addresses, and of the accounts that sign; no secret stands among them.

One JSON file, read only by commands that are given a name or have a default to look for.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_aleph.errors import UsageError
from hatch_aleph.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER_VARIABLE = "HATCH_ALEPH_CONFIG"
# Always the node that runs on this machine, unless the user has given the name to another.
LOCAL = "local"
# A letter first and few more: neither an address (0x..., 32 to 44 characters) nor a URL, host or IP address.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,29}")
_NOT_NAMES = frozenset({"localhost"})


@dataclass(frozen=True)
class NamedAccount:
    """An account that has a name.

    Attributes:
        chain: ETH, AVAX, BASE or SOL.
        address: Its address.
        file: Where its key is: raw, or an encrypted keystore.
    """

    chain: str
    address: str
    file: str


@dataclass(frozen=True)
class Preferences:
    """What a user has named.

    Attributes:
        node: Name of the node that is meant when none is said.
        account: Name of the account that signs when no key is said.
        nodes: URLs by name.
        addresses: Addresses by name.
        accounts: Accounts by name.
    """

    node: str | None = None
    account: str | None = None
    nodes: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, NamedAccount] = field(default_factory=dict)

    def address(self, name: str) -> str | None:
        """Return the address that a name stands for: an alias, or an account."""
        account = self.accounts.get(name)
        return self.addresses.get(name) or (account.address if account else None)

    def save(self) -> None:
        """Write them; nobody ever sees half of the file.

        Raises:
            UsageError: The file cannot be written.
        """
        file = preferences_file()
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(file, json.dumps(asdict(self), indent=2, sort_keys=True) + "\n", durable=True, mode=0o600)
        except OSError as error:
            raise UsageError(
                f"The names cannot be written: {error.strerror}",
                where=str(file),
                hint=f"Give write permission, or name another folder: {FOLDER_VARIABLE}.",
            ) from None


def preferences_folder() -> Path:
    """Return the folder of the names, and of named accounts' keys: ``HATCH_ALEPH_CONFIG``, else the user's own."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform in ("win32", "darwin"):
        from platformdirs import user_config_path

        return user_config_path("hatch-aleph", appauthor=False)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "hatch-aleph"


def preferences_file() -> Path:
    """Return the file of the names."""
    return preferences_folder() / "names.json"


def load_preferences() -> Preferences:
    """Read the names; there are none where there is no file.

    Raises:
        UsageError: The file is damaged.
    """
    file = preferences_file()
    try:
        read = json.loads(file.read_bytes())
        accounts = {str(name): NamedAccount(**each) for name, each in read.pop("accounts", {}).items()}
        found = Preferences(**read, accounts=accounts)
        texts = [*found.nodes.items(), *found.addresses.items(), *(asdict(each).values() for each in accounts.values())]
        intact = all(isinstance(text, str) for each in texts for text in each)
    except FileNotFoundError:
        return Preferences()
    except OSError as error:
        raise UsageError(f"The names cannot be read: {error.strerror}", where=str(file)) from None
    except (ValueError, TypeError, AttributeError):
        intact = False
    if not intact:
        raise UsageError("The file of names is damaged", where=str(file), hint="Mend it, or move it away.")
    return found


def checked_name(text: str) -> str:
    """Return a name that cannot be taken for anything else.

    Raises:
        UsageError: It is none.
    """
    if not _NAME.fullmatch(text) or text in _NOT_NAMES:
        raise UsageError("This is no name", hint="A letter, then at most 29 letters, digits, hyphens and underscores.")
    return text


def is_name(text: str) -> bool:
    """Tell whether a text has the form of a name."""
    return _NAME.fullmatch(text) is not None and text not in _NOT_NAMES


def without(names: Mapping[str, Any], name: str, what: str, hint: str) -> dict[str, Any]:
    """Return names without one of them.

    Raises:
        UsageError: It is not there.
    """
    if name not in names:
        raise UsageError(f"No {what} has the name {name}", hint=hint)
    return {each: value for each, value in names.items() if each != name}
