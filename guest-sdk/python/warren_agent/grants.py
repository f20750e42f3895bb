"""What an agent may ask for."""

from __future__ import annotations

from typing import Iterable

GRANTS = (
    "events:publish",
    "events:call",
    "registry:read",
    "working:read",
    "working:write",
    "knowledge:read",
    "knowledge:write",
    "episodes:read",
    "episodes:write",
    "procedures:read",
    "procedures:write",
)
"""All grants there are, by their words in manifests."""

_HTTP = "http:"
"""What a grant to ask a host over HTTP begins with: ``http:api.example.com``."""


def grants_of(words: Iterable[str]) -> list[str]:
    """The grants that these words mean, in order: ``working`` is both ``working:read`` and ``working:write``. Hosts
    (``http:HOST``) come last, as they are: Warren reads them."""
    if isinstance(words, str):
        raise TypeError(f"grants are a list of words, not {words!r}")
    words = list(words)
    for word in words:
        if not word.startswith(_HTTP) and not any(_means(word, grant) for grant in GRANTS):
            raise ValueError(f"there is no grant {word!r}; there are: {', '.join(GRANTS)}")
    hosts = dict.fromkeys(word for word in words if word.startswith(_HTTP))
    return [*(grant for grant in GRANTS if any(_means(word, grant) for word in words)), *hosts]


def _means(word: str, grant: str) -> bool:
    return word == grant or grant.startswith(f"{word}:")
