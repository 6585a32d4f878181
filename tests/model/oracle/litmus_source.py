"""Reads the LITMUS blocks of a C source (see ../litmus.h) as programs for the oracle, and writes such blocks."""

import re
from dataclasses import dataclass

from rc11 import Op, Program, Value, by_value

PLAIN_LOCATIONS = {"d", "e"}
MUTEXES = {"m", "n"}

VALUE = re.compile(r"(r\d+)?(?: \+ )?(\d+)?$")
PATTERNS = [
    ("store", re.compile(r"store\((\w+), ([^,]+), (\w+)\)$")),
    ("load", re.compile(r"(r\d+) = load\((\w+), (\w+)\)$")),
    ("update", re.compile(r"(?:(r\d+) = )?(add|swap)\((\w+), ([^,]+), (\w+)\)$")),
    ("cas", re.compile(r"(?:(r\d+) = )?(cas|cas_weak)\((\w+), ([^,]+), ([^,]+), (\w+), (\w+)\)$")),
    ("await", re.compile(r"await\((\w+), ([^,]+), (\w+)\)$")),
    ("lock", re.compile(r"lock\((\w)\)$")),
    ("unlock", re.compile(r"unlock\((\w)\)$")),
    ("fence", re.compile(r"fence\((\w+)\)$")),
    ("asymmetric", re.compile(r"model_fence_(light|heavy)\(\)$")),
    ("get", re.compile(r"(r\d+) = (\w)$")),
    ("put", re.compile(r"(\w) = ([^=]+)$")),
]
GUARD = re.compile(r"(r\d+) == (\d+)$")


class Unreadable(Exception):
    pass


@dataclass
class Block:
    name: str
    program: Program
    outcomes: list | str  # or RACES, SPINS, DEADLOCKS


def split(text):
    """At the commas that are in no brackets and no string."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "([{":
            depth += 1
        elif not quoted and character in ")]}":
            depth -= 1
        elif not quoted and depth == 0 and character == ",":
            parts.append(text[start:i])
            start = i + 1
    return [part.strip() for part in parts + [text[start:]]]


def inside(text, opening):
    """What stands between the bracket at `opening` and its partner."""
    depth, quoted = 0, False
    for i in range(opening, len(text)):
        quoted ^= text[i] == '"'
        if not quoted:
            depth += (text[i] in "([{") - (text[i] in ")]}")
            if depth == 0:
                return text[opening + 1 : i]
    raise Unreadable("a bracket is not closed")


def parse_value(text):
    match = VALUE.match(text.strip())
    if not match or not text.strip():
        raise Unreadable(f"value: {text}")
    return Value(match[1], int(match[2] or 0))


def parse_operation(text, guards=()):
    for kind, pattern in PATTERNS:
        match = pattern.match(text)
        if match:
            return operation(kind, match, guards)
    raise Unreadable(f"operation: {text}")


def operation(kind, match, guards):
    if kind == "store":
        return Op("store", match[3], match[1], value=parse_value(match[2]), guards=guards)
    if kind == "load":
        return Op("load", match[3], match[2], match[1], guards=guards)
    if kind == "update":
        return Op(match[2], match[5], match[3], match[1], parse_value(match[4]), guards=guards)
    if kind == "cas":
        expected, value = parse_value(match[4]), parse_value(match[5])
        return Op(match[2], match[6], match[3], match[1], value, expected, match[7], guards)
    if kind == "await":
        return Op("await", match[3], match[1], expected=parse_value(match[2]), guards=guards)
    if kind == "lock":
        return Op("lock", "acquire", match[1], value=Value(None, 1), expected=Value(None, 0), guards=guards)
    if kind == "unlock":
        return Op("store", "release", match[1], value=Value(None, 0), guards=guards)
    if kind in ("fence", "asymmetric"):
        return Op("fence", match[1], guards=guards)
    location = match[2] if kind == "get" else match[1]
    if location not in PLAIN_LOCATIONS:
        raise Unreadable(f"not a plain location: {location}")
    if kind == "get":
        return Op("load", "plain", location, match[1], guards=guards)
    return Op("store", "plain", location, value=parse_value(match[2]), guards=guards)


def parse_thread(text, guards=()):
    operations = []
    for statement in split(text):
        if statement.startswith("when("):
            condition, *body = split(inside(statement, 4))
            more = tuple((match[1], int(match[2])) for match in map(GUARD.match, condition.split(" && ")))
            operations += parse_thread(", ".join(body), guards + more)
        else:
            operations.append(parse_operation(statement, guards))
    return operations


def parse_shown(text):
    """From model_outcome("%d %d", r0, last(x)): the registers and locations."""
    if not text.startswith("model_outcome("):
        return ()
    return tuple(re.sub(r"last\((\w+)\)", r"=\1", item) for item in split(inside(text, text.index("(")))[1:])


def strings(text):
    return re.findall(r'"([^"]*)"', text)


def parse_block(count, text):
    arguments = split(text)
    name, threads, shown, *rest = arguments[0], arguments[2 : 2 + count], *arguments[2 + count :]
    try:
        parsed = tuple(tuple(parse_thread(inside(thread, 0))) for thread in threads)
    except Unreadable as unreadable:
        raise Unreadable(f"{name}: {unreadable}") from None
    spurious = next((int(item.split("=")[1]) for item in rest if item.startswith(".spurious")), 0)
    outcomes = strings(inside(rest[0], rest[0].index("("))) if rest[0].startswith("EXACTLY(") else rest[0]
    return Block(name, Program(parsed, parse_shown(shown), spurious), outcomes)


def blocks(source):
    """All LITMUS blocks of a file's text."""
    text = re.sub(r"/\*.*?\*/", " ", source, flags=re.DOTALL)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", " ", text, flags=re.MULTILINE)
    text = re.sub(r"\s+", " ", text)
    for match in re.finditer(r"\bLITMUS(\d)\(", text):
        yield parse_block(int(match[1]), inside(text, match.end() - 1))


def verdict(search):
    """What a block of the program is to list. No program has awaits as well as locks."""
    locks = any(op.kind == "lock" for thread in search.program.threads for op in thread)
    stuck = "DEADLOCKS" if locks else "SPINS"
    return "RACES" if search.racy else stuck if search.stuck else by_value(search.outcomes)


# ---- and back ----


def write_value(value):
    if value.register is None:
        return str(value.constant)
    return f"{value.register} + {value.constant}" if value.constant else value.register


def write_operation(op):
    result = f"{op.register} = " if op.register else ""
    if op.kind == "fence":
        return f"model_fence_{op.order}()" if op.order in ("light", "heavy") else f"fence({op.order})"
    if op.location in MUTEXES:
        return f"lock({op.location})" if op.kind == "lock" else f"unlock({op.location})"
    if op.order == "plain":
        return f"{result}{op.location}" if op.kind == "load" else f"{op.location} = {write_value(op.value)}"
    if op.kind in ("cas", "cas_weak"):
        values = f"{write_value(op.expected)}, {write_value(op.value)}"
        return f"{result}{op.kind}({op.location}, {values}, {op.order}, {op.failure})"
    if op.kind == "await":
        return f"await({op.location}, {write_value(op.expected)}, {op.order})"
    if op.kind == "load":
        return f"{result}load({op.location}, {op.order})"
    return f"{result}{op.kind}({op.location}, {write_value(op.value)}, {op.order})"


def write_statement(op):
    if not op.guards:
        return write_operation(op)
    condition = " && ".join(f"{register} == {constant}" for register, constant in op.guards)
    return f"when({condition}, {write_operation(op)})"


def write_block(name, about, program, outcomes):
    """The text of a LITMUS block. outcomes: a list, RACES, SPINS or DEADLOCKS."""
    lines = [f'LITMUS{len(program.threads)}({name}, "{about}",']
    for thread in program.threads:
        lines.append("        (" + ",\n         ".join(write_statement(op) for op in thread) + "),")
    shown = ", ".join(f"last({item[1:]})" if item.startswith("=") else item for item in program.shown)
    directives = " ".join(["%d"] * len(program.shown))
    lines.append(f'        model_outcome("{directives}", {shown}),')
    allowed = outcomes
    if isinstance(outcomes, list):
        allowed = "EXACTLY(" + ", ".join(f'"{outcome}"' for outcome in outcomes) + ")"
    spurious = f", .spurious = {program.spurious}" if program.spurious else ""
    lines.append(f"        {allowed}{spurious})")
    return "\n".join(lines) + "\n"
