#!/usr/bin/env python3
"""Checks what the sources must not do: the architecture's invariants, written as absences.

    check_layers.py ROOT    prints one line a violation, and exits 1 if there was one

The rules and their reasons are in RULES at the end.
"""

import re
import sys
from pathlib import Path

FLOORS = {"base": 0, "time": 1, "park": 2, "sched": 3, "sync": 4, "io": 4}
RESIDENTS = ("include", "tools", "examples", "bench", "stress", "tests")
LINES_MAX = 700

# What the seams of base/ turn to in a model-checked build: the one include upward.
SEAM, SEAM_ROOM = "tools/model/veneer.h", "base"

# Pure values: they are told what time it is, and their callers see to it that they are alone.
PURE = ("time/wheel.c", "time/timerq.c")
PURE_FORBIDS = {
    "pthread.h", "semaphore.h", "sys/timerfd.h", "threads.h", "time.h", "sys/time.h",
    "base/lock.h", "base/wait.h", "time/clock.h",
}  # fmt: skip

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
ATOMIC = re.compile(r"\b(?:_Atomic|atomic_\w+|__atomic_\w+|__sync_\w+|stdatomic\.h)\b")
# What stands in front of an object's first = ; or {, at file scope or after an inner "static".
DECLARATION = re.compile(r"^(?:(?=[A-Za-z_])|[ \t]+(?=static\b))([^=;{}]+)([=;{])", re.MULTILINE)
NO_OBJECT = re.compile(r"^(?:typedef|extern|return|goto|_Static_assert|static_assert)\b|^(?:struct|union|enum)\s+\w+$|^\w+\s*:")
FUNCTION_POINTER = re.compile(r"\(\s*\*([\w\s]*)(?:\[\w*\])?\)\s*\(")
QUALIFIER = re.compile(r"\b(?:__attribute__\s*\(\(.*?\)\)|(?:_Alignas|alignas|_Atomic|PAWL_ATOMIC)\s*\([^()]*\))")
PROCESS_WIDE = "/* process-wide:"


def blank(match):
    """The match without its text but with its line ends, so that line numbers stay right."""
    return re.sub(r"[^\n]", " ", match.group())


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Source:
    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.room = self.path.split("/")[0]
        self.text = path.read_text(encoding="utf-8")
        self.code = COMMENT.sub(blank, self.text)
        self.includes = [(line_of(self.code, m.start()), m[1], m[2]) for m in INCLUDE.finditer(self.code)]


def read_sources(root):
    folders = [root / name for name in (*FLOORS, *RESIDENTS)]
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in (".c", ".h")]
    return {source.path: source for source in (Source(root, path) for path in paths)}


def in_rooms(sources):
    return [source for source in sources.values() if source.room in FLOORS]


def check_includes(sources):
    for source in in_rooms(sources):
        for line, quoted, angled in source.includes:
            if angled and angled.split("/")[0] in FLOORS:
                yield source.path, line, f"<{angled}>: a room's header is included with quotes"
            if not quoted:
                continue
            room = quoted.split("/")[0]
            if quoted == SEAM and source.room == SEAM_ROOM:
                continue
            if quoted not in sources or room not in FLOORS:
                yield source.path, line, f'"{quoted}": not the path of a room\'s header from the root'
            elif room != source.room and FLOORS[room] >= FLOORS[source.room]:
                yield source.path, line, f'"{quoted}": {room} is not below {source.room}'


def check_public_headers(sources):
    for source in sources.values():
        for line, quoted, _ in source.includes:
            if source.room == "include" and quoted:
                yield source.path, line, f'"{quoted}": a public header includes <pawl/...> and the system\'s headers only'


def check_pure(sources):
    for pure in PURE:
        yield from check_reached_from(sources, pure)


def check_reached_from(sources, pure):
    seen, waiting = set(), [pure] if pure in sources else []
    while waiting:
        source = sources[waiting.pop()]
        seen.add(source.path)
        for line, quoted, angled in source.includes:
            header = quoted or angled
            if header in PURE_FORBIDS:
                yield source.path, line, f"{header}: reached from {pure}, which knows no clock, lock or thread"
            elif header in sources and header not in seen:
                waiting.append(header)


def check_atomics(sources):
    for source in in_rooms(sources):
        if source.room != "base":
            for match in ATOMIC.finditer(source.code):
                yield source.path, line_of(source.code, match.start()), f"{match[0]}: use base/atomic.h"


def check_lengths(sources):
    for source in sources.values():
        lines = source.text.count("\n")
        if lines > LINES_MAX:
            yield source.path, lines, f"{lines} lines, more than {LINES_MAX}"


def is_mutable(declaration):
    """Whether the text in front of an object's or a function's first = ; or { declares an object that can change."""
    if "_Thread_local" in declaration or NO_OBJECT.search(declaration) or not re.search(r"\w\W+\w", declaration):
        return False
    pointer = FUNCTION_POINTER.search(declaration)
    if "(" in declaration and not (pointer and pointer.start() == declaration.index("(")):
        return False  # a function
    target = pointer[1] if pointer else declaration.rpartition("*")[2]
    return not re.search(r"\bconst\b", target)


def check_statics(sources):
    for source in in_rooms(sources):
        code, lines = DIRECTIVE.sub(blank, source.code), source.text.split("\n")
        for match in DECLARATION.finditer(code):
            declaration = QUALIFIER.sub("", match[1]).strip()
            line = line_of(code, match.start(1))
            if match[2] != "{" and is_mutable(declaration) and PROCESS_WIDE not in lines[line - 1]:
                yield source.path, line, f"{' '.join(declaration.split())}: mutable state outside a runtime"


RULES = (
    check_includes,  # includes run downward only
    check_public_headers,  # the public face shows nothing of the house
    check_pure,  # the wheel and the timer queue are pure values
    check_atomics,  # the model checker replaces one header
    check_lengths,  # one concept a file
    check_statics,  # two runtimes in one process work
)


def violations(root):
    sources = read_sources(root)
    return [finding for rule in RULES for finding in rule(sources)]


def main():
    root = Path(sys.argv[1])
    if not read_sources(root):
        sys.exit(f"{root}: no sources")
    found = violations(root)
    for path, line, sentence in found:
        print(f"{path}:{line}: {sentence}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
