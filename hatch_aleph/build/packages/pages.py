"""When package indexes were last asked about each name, so that none is asked twice within ten minutes.

uv keeps the pages of an index and asks each time whether they changed, unless the index lets it believe them for a
while: PyPI does so for ten minutes, most mirrors and private indexes do not, and asking takes longer than a build.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_aleph.build.cache import key_of
from hatch_aleph.shapes import NUMBER, OTHERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_aleph.build.cache import Cache

# As long as package indexes let clients believe an answer (PyPI's max-age).
BELIEVED_SECONDS = 600


@dataclass(frozen=True)
class Pages:
    """What was asked with one configuration of uv.

    Attributes:
        cache: Remembers.
        configuration: Digest of all that tells uv where to ask.
    """

    cache: Cache
    configuration: str

    @property
    def _key(self) -> str:
        return key_of("pages", self.configuration)

    def note(self, names: Iterable[str], when: float) -> None:
        """Remember that these names were asked about."""
        known = {name: time_ for name, time_ in self._load().items() if believed(time_)}
        self.cache.store("resolutions", self._key, {**known, **dict.fromkeys(names, when)})

    def since(self, names: Iterable[str]) -> float:
        """Return when the first of these names was asked about, seconds since 1970; 0 if one never was."""
        known = self._load()
        return min((known.get(name, 0.0) for name in names), default=0.0)

    def _load(self) -> dict[str, float]:
        return self.cache.load("resolutions", self._key, {OTHERS: NUMBER}) or {}


def believed(when: float) -> bool:
    """Tell whether what an index said at that time still counts."""
    return 0 <= time.time() - when < BELIEVED_SECONDS
