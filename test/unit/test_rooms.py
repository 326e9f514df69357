"""The rooms of the source code: includes go down only, and in no circle. No server is needed."""

import pathlib
import re

SOURCE = pathlib.Path(__file__).parents[2] / "src"
INCLUDE = re.compile(r'^#include "([\w/.]+)"', re.MULTILINE)
# Each may include itself and what stands before it; capabilities are of one level, and none includes another's inside.
LEVELS = [{"base"}, {"pg"}, {"kernel"}, {"kafka"}, {"cdc", "outbox", "standin", "workflow"}]


def files():
    return [path for path in SOURCE.rglob("*") if path.suffix in (".cpp", ".h")]


def level(area):
    return next(number for number, areas in enumerate(LEVELS) if area in areas)


def arrows():
    """From a room to another, with the file that draws it; `module.cpp` alone is above all."""
    for path in files():
        room = path.relative_to(SOURCE).parent
        for included in INCLUDE.findall(path.read_text()):
            assert (SOURCE / included).exists(), f"{path} includes {included}"
            target = pathlib.Path(included).parent
            if room != target and room.parts:
                yield room, target, path.relative_to(SOURCE)


def test_no_area_includes_one_above_or_beside_it():
    up = [(str(path), str(target)) for room, target, path in arrows()
          if room.parts[0] != target.parts[0] and level(room.parts[0]) <= level(target.parts[0])]
    assert not up


def test_rooms_of_a_capability_include_in_no_circle():
    graph = {}
    for room, target, _ in arrows():
        if room.parts[0] == target.parts[0]:
            graph.setdefault(room, set()).add(target)

    def walk(room, path):
        assert room not in path, " -> ".join(map(str, [*path[path.index(room):], room]))
        for target in graph.get(room, ()):
            walk(target, [*path, room])
    for room in graph:
        walk(room, [])


def test_no_room_holds_everything():
    rooms = {}
    for path in files():
        if path.suffix == ".cpp":
            rooms.setdefault(path.parent, []).append(path.name)
    crowded = {str(room.relative_to(SOURCE)): len(names) for room, names in rooms.items() if len(names) > 20}
    assert not crowded
