"""Where in its row each vertex stands: straight long lines, few bends, nothing on top of another.

The method of Brandes and Köpf ("Fast and simple horizontal coordinate assignment", Graph Drawing
2001): vertices are aligned with a median neighbour into vertical blocks in four ways, left or right
and from above or below; each way is packed as tightly as the widths allow, and the mean of the two
middle ones of the four places counts.
"""

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

_V = TypeVar("_V", bound=Hashable)
_Rows = list[list[_V]]


def coordinates(
    rows: Sequence[Sequence[_V]],
    links: Sequence[tuple[_V, _V]],
    widths: Mapping[_V, float],
    gap: float,
) -> dict[_V, float]:
    """Return the middle of each vertex.

    Parameters
    ----------
    rows
        The vertices, row by row from above, each row from left to right.
    links
        Pairs (above, below) of vertices in successive rows.
    widths
        Width of each vertex.
    gap
        Distance to keep between neighbours in a row.
    """
    found = []
    for upwards in (False, True):
        for mirrored in (False, True):
            turned = [list(reversed(row)) if mirrored else list(row) for row in rows]
            if upwards:
                turned.reverse()
            pairs = [(b, a) for a, b in links] if upwards else list(links)
            blocks = _aligned(turned, pairs)
            places = _packed(turned, blocks, widths, gap)
            found.append({v: -x for v, x in places.items()} if mirrored else places)
    return _balanced(found, widths)


def _aligned(rows: _Rows[_V], links: Sequence[tuple[_V, _V]]) -> dict[_V, _V]:
    """Return the top of the block of each vertex: it is aligned with a median neighbour above."""
    above: dict[_V, list[_V]] = {}
    for upper, lower in links:
        above.setdefault(lower, []).append(upper)
    top = {vertex: vertex for row in rows for vertex in row}
    taken: set[_V] = set()
    for upper_row, row in itertools.pairwise(rows):
        position = {vertex: index for index, vertex in enumerate(upper_row)}
        reached = -1
        for vertex in row:
            near = sorted((n for n in above.get(vertex, ()) if n in position), key=position.get)  # type: ignore[arg-type]
            middle = len(near) // 2
            for candidate in near[(len(near) - 1) // 2 : middle + 1]:
                free = candidate not in taken and top[vertex] == vertex
                if free and position[candidate] > reached:
                    top[vertex] = top[candidate]
                    taken.add(candidate)
                    reached = position[candidate]
    return top


def _packed(
    rows: _Rows[_V], top: Mapping[_V, _V], widths: Mapping[_V, float], gap: float
) -> dict[_V, float]:
    """Place the blocks as far left as they go, then close the gaps that this leaves."""
    after: dict[_V, dict[_V, float]] = {block: {} for block in top.values()}
    for row in rows:
        for left, right in itertools.pairwise(row):
            apart = (widths[left] + widths[right]) / 2 + gap
            ahead = after[top[left]]
            ahead[top[right]] = max(ahead.get(top[right], 0.0), apart)
    order = _sorted_blocks(after)
    place = dict.fromkeys(order, 0.0)
    for block in order:
        for right, apart in after[block].items():
            place[right] = max(place[right], place[block] + apart)
    for block in reversed(order):
        limits = [place[right] - apart for right, apart in after[block].items()]
        if limits:
            place[block] = max(place[block], min(limits))
    return {vertex: place[block] for vertex, block in top.items()}


def _sorted_blocks(after: Mapping[_V, Mapping[_V, float]]) -> list[_V]:
    """Return the blocks so that each comes before those to its right."""
    waiting = dict.fromkeys(after, 0)
    for rights in after.values():
        for right in rights:
            waiting[right] += 1
    ready = [block for block, count in waiting.items() if not count]
    order = []
    while ready:
        block = ready.pop()
        order.append(block)
        for right in after[block]:
            waiting[right] -= 1
            if not waiting[right]:
                ready.append(right)
    return order


def _balanced(found: list[dict[_V, float]], widths: Mapping[_V, float]) -> dict[_V, float]:
    """Shift the four ways onto the narrowest, and take the mean of the two middle places."""
    if not found or not found[0]:
        return {}

    def ends(places: dict[_V, float]) -> tuple[float, float]:
        return (
            min(x - widths[v] / 2 for v, x in places.items()),
            max(x + widths[v] / 2 for v, x in places.items()),
        )

    spans = [ends(places) for places in found]
    low, high = min(spans, key=lambda span: span[1] - span[0])
    # Odd ways are packed to the right, the others to the left.
    shifts = [high - b if index % 2 else low - a for index, (a, b) in enumerate(spans)]
    balanced = {}
    for vertex in found[0]:
        places = sorted(places[vertex] + shift for places, shift in zip(found, shifts, strict=True))
        balanced[vertex] = (places[1] + places[2]) / 2
    left = min(x - widths[v] / 2 for v, x in balanced.items())
    return {vertex: x - left for vertex, x in balanced.items()}
