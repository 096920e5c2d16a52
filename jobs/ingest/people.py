"""People in what is stored: names -> pseudonyms, links that hold a name -> sealed ones, which only the key opens.

What is a name is told by where it stands: the item's author, what lies under a key such as `account` or `mentions`,
what follows an @, the part of a link that names a profile, and a DID. A name that stands in a text as a word like any
other is not known to be one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import unquote

PEOPLE = {
    "account", "accounts", "acct", "actor", "author", "author_name", "author_url", "authors", "by", "byline", "creator",
    "display_name", "displayname", "handle", "in_reply_to_account_id", "in_reply_to_screen_name", "in_reply_to_user_id",
    "login", "mentions", "nickname", "owner", "preferredusername", "publisher", "screen_name", "user", "user_id",
    "user_name", "username", "users",
}  # fmt: skip
"""Keys under which all text names people, in any case."""
MENTION = re.compile(r"(?<![\w@./])@(<span>)?(\w(?:[\w.-]*\w)?(?:@[\w.-]*\w)?)")
PROFILE = re.compile(r"(/(?:@|%40)|/(?:users?|profile|u)/|\bat://)([\w.~%:-]+(?:@[\w.-]*\w)?)", re.IGNORECASE)
DID = re.compile(r"\bdid(?::|%3[aA])[a-z0-9]+(?::|%3[aA])[\w.:%-]*\w")
"""A decentralised identifier, such as Bluesky's of a person."""
MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
BETWEEN_NAMES = re.compile(r"[,;|<>()]")
USERINFO = re.compile(r"(?<=://)[^/\s@?#]*@")
SHORTEST, SHORTEST_PART, LONGEST = 2, 3, 200
"""Characters of what is looked for as a name, and as a part of one."""
SEALED, SEALED_ID = "sealed_url", "sealed_id"
"""Keys of the payload under which lie a link, and an id that the source gave, that hold a name."""


@dataclass(frozen=True)
class People:
    """The people of one feed, who are known by `key`; the handles in `public` are nobody's but a brand's."""

    feed: str
    key: bytes
    public: frozenset[str] = frozenset()

    def pseudonym(self, name: str) -> str:
        """HMAC of feed and name, 16 hexadecimal digits: the same person in the same feed."""
        return _pseudonym(self.key, self.feed, name)

    def in_text(self, text: str | None) -> str | None:
        """`text` with the token of whoever is mentioned with an @, or by a DID."""
        return text and self._without_mentions(text)

    def in_payload(self, payload: Any, names: Collection[str], instead: Mapping[str, str] | None = None) -> Any:
        """`payload` without the names that it tells and the `names`; some texts have another `instead`."""
        told, others = set(names), list[str]()
        _gather(payload, told, others)
        text = "\n".join(others)
        return self._without(payload, [name for name in self._hidden(told) if name in text], instead or {})

    def in_link(self, link: str, names: Collection[str]) -> str:
        """`link` with tokens for the names in it; as it was when there are none."""
        return str(self._without(link, self._hidden(names), {}))

    def in_id(self, native: str, names: Collection[str]) -> str:
        """`native`, what a source calls an item, with tokens for the names in it; the same at every fetch.

        Such an id says nothing else, so that a name is found in the midst of it and in any case, mail addresses too.
        """
        found = str(self._without(native, [], {}))
        if "@" in found:
            found = MAIL.sub(lambda mail: self._token(mail[0]), found)
        for name in self._hidden(names):
            if len(name) >= SHORTEST_PART and name.casefold() in found.casefold():
                found = re.sub(re.escape(name), self.pseudonym(name), found, flags=re.IGNORECASE)
        return found

    def _hidden(self, names: Collection[str]) -> list[str]:
        """Those of `names` that are looked for, the longest first."""
        named = (name for name in names if SHORTEST <= len(name) <= LONGEST and not self._is_public(name))
        return sorted(named, key=len, reverse=True)

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

    def _without(self, value: Any, names: Sequence[str], instead: Mapping[str, str]) -> Any:
        if isinstance(value, dict):
            return {
                key: self._nameless(part) if _names_people(key) else self._without(part, names, instead)
                for key, part in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._without(part, names, instead) for part in value]
        if not isinstance(value, str):
            return value
        if value in instead:
            return instead[value]
        text = value
        if "/" in text:
            text = PROFILE.sub(lambda found: f"{found[1]}{self._token(unquote(found[2]))}", text)
        text = self._without_mentions(text)
        for name in names:
            if name in text:
                text = _replaced(text, name, self.pseudonym(name))
        return text

    def _without_mentions(self, text: str) -> str:
        if "@" in text:
            text = MENTION.sub(lambda found: f"@{found[1] or ''}{self._token(found[2])}", text)
        if "did" in text:
            text = DID.sub(lambda found: self._token(unquote(found[0])), text)
        return text

    def _nameless(self, value: Any) -> Any:
        """`value` with a pseudonym in the place of every text in it."""
        if isinstance(value, dict):
            return {key: self._nameless(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self._nameless(part) for part in value]
        return self._token(value) if isinstance(value, str) and value else value


@lru_cache(16_384)
def _pseudonym(key: bytes, feed: str, name: str) -> str:
    message = f"{feed}\0{name}".encode("utf-8", "replace")
    return hmac.digest(key, message, "sha256").hex()[:16]


@lru_cache(4_096)
def names_in(author: str) -> frozenset[str]:
    """`author` and the names in it, of sources that write `mail (name)`, `name <mail>` or several people in one."""
    mails = MAIL.findall(author)
    parts = (part.strip() for part in BETWEEN_NAMES.split(MAIL.sub(",", author)))
    return frozenset({author, *mails, *(part for part in parts if len(part) >= SHORTEST_PART)})


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


def _gather(value: Any, told: set[str], others: list[str]) -> None:
    """Put the texts under keys that name people into `told`, all others into `others`."""
    if isinstance(value, str):
        others.append(value)
    elif isinstance(value, dict):
        for key, part in value.items():
            if _names_people(key):
                _gather_texts(part, told)
            elif part:
                _gather(part, told, others)
    elif isinstance(value, list | tuple):
        for part in value:
            _gather(part, told, others)


def _gather_texts(value: Any, told: set[str]) -> None:
    if isinstance(value, str):
        told.add(value)
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            _gather_texts(part, told)
