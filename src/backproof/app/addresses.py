"""The state of the controls in the page's address, so that a view can be shared."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import urlencode

import msgspec

from backproof._core.errors import InputError
from backproof.app.settings import Setting, settings_of

_Settings = TypeVar("_Settings")

_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def read(kind: type[_Settings], query: Mapping[str, str]) -> tuple[_Settings, list[str]]:
    """Return settings from the query of an address, and in words what could not be read.

    Parameters
    ----------
    kind
        A dataclass of settings.
    query
        Values by name; names that the dataclass does not have are left to others.
    """
    given: dict[str, Any] = {}
    complaints = []
    for setting in settings_of(kind):
        if setting.name not in query:
            continue
        try:
            given[setting.name] = parsed(query[setting.name], setting)
        except InputError as error:
            complaints.append(
                f"In the address, {setting.name} {error}; {as_text(setting.default)} is shown."
            )
    return kind(**given), complaints


def parsed(text: str, setting: Setting) -> Any:
    """Return the value of a setting that a text stands for.

    Raises
    ------
    InputError
        If it stands for none.
    """
    value: Any = text
    what = _KINDS.get(setting.kind, "a text")
    if get_origin(setting.kind) is tuple:
        value = [part.strip() for part in text.split(",") if part.strip()]
        what = f"{_KINDS[get_args(setting.kind)[0]]}, or several with commas between them"
    try:
        if isinstance(value, str) and setting.kind in _KINDS:
            value = value.strip()
        value = msgspec.convert(value, setting.kind, strict=False)
    except msgspec.ValidationError:
        raise InputError(f"must be {what}, got {text[:40]!r}") from None
    if value == ():
        raise InputError(f"must be {what}, got none")
    return setting.control.checked(value)


def written(*settings: Any) -> str:
    """Return the query that stands for settings: what differs from the defaults."""
    pairs = [
        (setting.name, as_text(getattr(one, setting.name)))
        for one in settings
        for setting in settings_of(one)
        if getattr(one, setting.name) != setting.default
    ]
    return urlencode(pairs, safe=",;")


def as_text(value: Any) -> str:
    """Return a value as it stands in an address and in a field."""
    if isinstance(value, tuple):
        return ",".join(map(as_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
