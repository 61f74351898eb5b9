"""Text of others, before it is shown."""


def printable(text: str, most: int | None = None) -> str:
    r"""Return a text in which what would steer a terminal, or cannot be written, is spelt out.

    Line ends, tabs and spaces stay; control characters, surrogates and marks that change the
    direction of writing become escapes such as ``\x1b``.

    Parameters
    ----------
    text
        The text.
    most
        Characters that are kept; of more, the end is left out. ``None``: all.
    """
    if most is not None and len(text) > most:
        text = f"{text[:most]}…"
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode()
        for one in text
    )
