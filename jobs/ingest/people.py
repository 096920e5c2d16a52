"""People in what is stored: names -> pseudonyms, links that hold a name -> sealed ones, which only the key opens.

What is a name is told by where it stands: the item's author, what lies under a key such as `account` or `mentions`,
what follows an @, and the part of a link that names a profile. A name that stands in a text as a word like any other
is not known to be one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

PEOPLE = {
    "account", "accounts", "acct", "actor", "author", "author_name", "author_url", "authors", "by", "byline", "creator",
    "display_name", "displayname", "handle", "in_reply_to_account_id", "in_reply_to_screen_name", "in_reply_to_user_id",
    "login", "mentions", "nickname", "owner", "preferredusername", "publisher", "screen_name", "user", "user_id",
    "user_name", "username", "users",
}  # fmt: skip
"""Keys under which all text names people, in any case."""
MENTION = re.compile(r"(?<![\w@./])@(<span>)?(\w(?:[\w.-]*\w)?(?:@[\w.-]*\w)?)")
PROFILE = re.compile(r"(/(?:@|%40)|/(?:users?|profile|u)/)([\w.~%:-]+(?:@[\w.-]*\w)?)", re.IGNORECASE)
USERINFO = re.compile(r"(?<=://)[^/\s@?#]*@")
SHORTEST = 2
SEALED = "sealed_url"


@dataclass(frozen=True)
class People:
    """The people of one feed, who are known by `key`; the handles in `public` are nobody's but a brand's."""

    feed: str
    key: bytes
    public: frozenset[str] = frozenset()

    def pseudonym(self, name: str) -> str:
        """HMAC of feed and name, 16 hexadecimal digits: the same person in the same feed."""
        message = f"{self.feed}\0{name}".encode("utf-8", "replace")
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:16]

    def in_text(self, text: str | None) -> str | None:
        """`text` with the token of whoever is mentioned with an @."""
        if not text or "@" not in text:
            return text
        return MENTION.sub(lambda found: f"@{found[1] or ''}{self._token(found[2])}", text)

    def in_payload(self, payload: Any, author: str | None) -> Any:
        """`payload` without the names that it tells and that of its author."""
        told = {author or "", *_told(payload)}
        names = [name for name in told if len(name) >= SHORTEST and not self._is_public(name)]
        return self._without(payload, sorted(names, key=len, reverse=True))

    def in_link(self, link: str, author: str | None) -> str:
        """`link` with tokens for the names in it; as it was when there are none."""
        return str(self.in_payload(link, author))

    def seal(self, link: str) -> str:
        """`link` so that it can be read with the key alone; the same each time."""
        sealed = self._cipher.encrypt(link.encode("utf-8", "replace"), [self.feed.encode()])
        return base64.urlsafe_b64encode(sealed).decode()

    def opened(self, sealed: str) -> str:
        """The link that was sealed; ValueError when it was with another key."""
        from cryptography.exceptions import InvalidTag

        try:
            return str(self._cipher.decrypt(base64.urlsafe_b64decode(sealed), [self.feed.encode()]).decode())
        except InvalidTag:
            raise ValueError(f"a link of feed {self.feed!r} was sealed with another key") from None

    @cached_property
    def _cipher(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        return AESSIV(hmac.new(self.key, b"links", hashlib.sha512).digest())

    def _token(self, name: str) -> str:
        return name if self._is_public(name) else self.pseudonym(name)

    def _is_public(self, name: str) -> bool:
        return name.lstrip("@").casefold() in self.public

    def _without(self, value: Any, names: list[str]) -> Any:
        if isinstance(value, dict):
            return {
                key: self._nameless(part) if _names_people(key) else self._without(part, names)
                for key, part in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._without(part, names) for part in value]
        if not isinstance(value, str):
            return value
        text = value
        if "/" in text:
            text = PROFILE.sub(lambda found: f"{found[1]}{self._token(found[2])}", text)
        for name in names:
            if name in text:
                text = _replaced(text, name, self.pseudonym(name))
        return self.in_text(text)

    def _nameless(self, value: Any) -> Any:
        """`value` with a pseudonym in the place of every text in it."""
        if isinstance(value, dict):
            return {key: self._nameless(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._nameless(part) for part in value]
        return self._token(value) if isinstance(value, str) and value else value


def masked(value: Any) -> Any:
    """`value` with x for every letter and 9 for every digit: the shape of what could not be read, and nothing said."""
    if isinstance(value, dict):
        return {key: masked(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [masked(part) for part in value]
    text = value if isinstance(value, str) else str(value)
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "x", text))


def without_password(link: str) -> str:
    """`link` without a user and a password before its host."""
    return USERINFO.sub("", link)


def _replaced(text: str, name: str, token: str) -> str:
    """`text` with `token` for `name`, where that is no part of a longer word."""
    found, *rest = text.split(name)
    for piece in rest:
        inside = _is_of_word(found[-1:]) or _is_of_word(piece[:1])
        found += (name if inside else token) + piece
    return found


def _is_of_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


@lru_cache(4_096)
def _names_people(key: Any) -> bool:
    name = str(key).casefold()
    return name in PEOPLE or name.startswith(("poco_", "poco:"))


def _told(value: Any) -> Iterator[str]:
    """The names under keys that name people."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part) if _names_people(key) else _told(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _told(part)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value
