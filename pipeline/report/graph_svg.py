"""The graph of a run as a picture: layers from left to right, each node with its state and seconds."""

from collections.abc import Sequence

from markupsafe import Markup

from pipeline.report.facts import NodeFact

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 148, 44, 34, 12
_FEWEST_IN_ROW = 4
_SIGNS = {"done": "✓", "cached": "=", "failed": "✗", "running": "…", "skipped": "○", "waiting": "…"}

_SHOWN_AS = {"refuses": "failed", "pushed nothing": "skipped"}
"""By verdict, the state whose look a node has."""


def graph_svg(nodes: Sequence[NodeFact]) -> Markup:
    """An SVG element; colors are those of the page, by class."""
    place = _places(nodes)
    width = max((x for x, _ in place.values()), default=0) + _WIDTH + 4
    height = max((y for _, y in place.values()), default=0) + _HEIGHT + _GAP_Y
    described = "; ".join(f"{each.name} {_words(each)}" for each in nodes)
    parts = [
        Markup('<svg class="graph" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">').format(
            f"The graph: {described}", width, height, width, height
        )
    ]
    for node in nodes:
        for name in node.needs:
            if name in place:
                parts.append(_edge(place[name], place[node.name]))
    for node in nodes:
        x, y = place[node.name]
        shown = _SHOWN_AS.get(node.verdict, node.state)
        label = Markup('<text x="{}" y="{}">{} {}</text>').format(x + 8, y + 18, _SIGNS[shown], node.name)
        state = Markup('<text class="quiet" x="{}" y="{}">{}</text>').format(x + 8, y + 35, _words(node))
        box = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="4"/>').format(
            shown, x, y, _WIDTH, _HEIGHT
        )
        parts += [box, label, state]
    return Markup("").join([*parts, Markup("</svg>")])


def _words(node: NodeFact) -> str:
    words = node.verdict or node.state
    return words if node.state == "skipped" or node.seconds is None else f"{words}, {node.seconds:.1f} s"


def _edge(start: tuple[int, int], end: tuple[int, int]) -> Markup:
    x1, y1, x2, y2 = start[0] + _WIDTH, start[1] + _HEIGHT // 2, end[0], end[1] + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return Markup('<path d="M{} {} C{} {} {} {} {} {}"/>').format(x1, y1, middle, y1, middle, y2, x2, y2)


def _places(nodes: Sequence[NodeFact]) -> dict[str, tuple[int, int]]:
    """The corner of each node. Of those that did not run nobody knows what they need: they stand in rows below."""
    ran = [each for each in nodes if each.state != "skipped" or each.needs]
    depth = _depths(ran)
    rows: dict[int, int] = {}
    cells: dict[str, tuple[int, int]] = {}
    for node in ran:
        layer = depth[node.name]
        cells[node.name] = (layer, rows.get(layer, 0))
        rows[layer] = rows.get(layer, 0) + 1
    wide = max(len(rows), _FEWEST_IN_ROW)
    for i, node in enumerate(each for each in nodes if each.name not in cells):
        cells[node.name] = (i % wide, max(rows.values(), default=0) + i // wide)
    return {name: (x * (_WIDTH + _GAP_X) + 2, y * (_HEIGHT + _GAP_Y) + 2) for name, (x, y) in cells.items()}


def _depths(nodes: Sequence[NodeFact]) -> dict[str, int]:
    """The layer of each node: one after the last node that it needs."""
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node.name] = 1 + max((depth[name] for name in node.needs if name in depth), default=-1)
    return depth
