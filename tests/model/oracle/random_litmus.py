#!/usr/bin/env python3
"""Writes random litmus tests with the outcomes that the oracle finds: a C file, to be compiled against the checker.

    random_litmus.py --seed S --count N [--first I] [--extra E] [--output FILE]

Program I of a seed depends on S, I and E alone, so that one that differs can be made again: --first I --count 1.
"""

import argparse
import random
import sys

from litmus_source import verdict, write_block
from rc11 import Op, Program, Search, Sites, Value

LOAD_ORDERS = ["relaxed", "acquire", "seq_cst"]
STORE_ORDERS = ["relaxed", "release", "seq_cst"]
UPDATE_ORDERS = ["relaxed", "acquire", "release", "acq_rel", "seq_cst"]
FENCE_ORDERS = ["acquire", "release", "acq_rel", "seq_cst", "light", "heavy"]
ASSIGNMENTS_MAX = 20000  # ways to choose what loads read from: a bound on the oracle's work
STORES_MAX = 5  # to one location: their orders are tried all

# What a program is mostly made of: weights of (relaxed, acquire or release, seq_cst) and of fences.
STYLES = [
    {"weak": 4, "middle": 4, "strong": 3, "fence": 3},
    {"weak": 1, "middle": 3, "strong": 6, "fence": 1},
    {"weak": 8, "middle": 1, "strong": 0, "fence": 8},
    {"weak": 3, "middle": 6, "strong": 2, "fence": 0},
]


class Writer:
    def __init__(self, rng, extra):
        self.rng, self.extra = rng, extra
        self.style = rng.choice(STYLES)
        self.fences = rng.choice([FENCE_ORDERS, ["seq_cst"], ["light", "heavy"], ["acquire", "release"]])
        self.locations = rng.choice([["x", "y"]] * 6 + [["x"], ["x", "y", "z"]])
        self.spurious = int(rng.random() < 0.15)
        self.registers = self.values = 0

    def order(self, orders):
        weights = [self.style["weak" if order == "relaxed" else "strong" if order == "seq_cst" else "middle"]
                   for order in orders]  # fmt: skip
        return self.rng.choices(orders, weights)[0]

    def register(self):
        self.registers += 1
        return f"r{self.registers - 1}"

    def value(self, own):
        """A value that no other operation stores, or one that depends on what was loaded."""
        if own and self.rng.random() < 0.15:
            return Value(self.rng.choice(own), self.rng.choice([0, 1]))
        self.values += 1
        return Value(None, self.values)

    def kind(self):
        kinds = {"store": 7, "load": 7, "add": 2, "swap": 2, "cas": 2, "fence": self.style["fence"]}
        if self.spurious:
            kinds["cas_weak"] = 3
        return self.rng.choices(list(kinds), list(kinds.values()))[0]

    def guards(self, own):
        if not own or self.rng.random() > 0.12:
            return ()
        return ((self.rng.choice(own), self.rng.randint(0, 3)),)

    def fence(self, guards=()):
        return Op("fence", self.rng.choice(self.fences), guards=guards)

    def operation(self, own, location=None, kind=None):
        kind, guards = kind or self.kind(), self.guards(own)
        location = location or self.rng.choice(self.locations)
        if kind == "fence":
            return self.fence(guards)
        if kind == "store":
            return Op("store", self.order(STORE_ORDERS), location, value=self.value(own), guards=guards)
        register = self.register()
        if kind == "load":
            return Op("load", self.order(LOAD_ORDERS), location, register, guards=guards)
        order, value = self.order(UPDATE_ORDERS), self.value(own)
        if kind in ("add", "swap"):
            return Op(kind, order, location, register, value, guards=guards)
        weaker = {"relaxed": 1, "release": 1, "acquire": 2, "acq_rel": 2, "seq_cst": 3}[order]
        failure = self.rng.choice(LOAD_ORDERS[:weaker])
        expected = Value(None, self.rng.choice([0, 0, 1, 2]))
        return Op(kind, order, location, register, value, expected, failure, guards)

    def thread(self, length):
        operations = []
        for _ in range(length):
            own = [op.register for op in operations if op.register and not op.guards]
            operations.append(self.operation(own))
        return operations

    def free_threads(self):
        """Anything."""
        count, shortest, longest = self.rng.choice([(2, 2, 4)] * 4 + [(3, 2, 3)] * 3 + [(4, 1, 2)])
        return [self.thread(self.rng.randint(shortest, longest + self.extra)) for _ in range(count)]

    def cycle_threads(self):
        """Each thread accesses a location and then the next one's first, as most of the known tests do; between the
        two a fence here and there, and a few operations more."""
        count = self.rng.choice([2, 2, 2, 3, 3, 4])
        self.locations = ["x", "y", "z", "w"][:count]
        access, threads = ["store"] * 5 + ["load"] * 5 + ["add", "swap", "cas"], []
        for t in range(count):
            first = self.operation([], self.locations[t], self.rng.choice(access))
            second = self.operation([], self.locations[(t + 1) % count], self.rng.choice(access))
            fence = self.rng.random() < self.style["fence"] / 6
            threads.append([first, self.fence(), second] if fence else [first, second])
        for _ in range(self.rng.choice([0, 0, 1, 1, 2]) + self.extra):
            thread = self.rng.choice(threads)
            kind = self.rng.choice([None, None, "add", "swap", "store"])
            thread.insert(self.rng.randint(0, len(thread)), self.operation([], kind=kind))
        if count > 2 and self.rng.random() < 0.3:
            del self.rng.choice(threads)[1:]
        return threads

    def add_plain(self, threads):
        """Plain data: one thread writes it, another reads or writes it after it has seen something."""
        writer, other = self.rng.sample(range(len(threads)), 2)
        threads[writer].insert(self.rng.choice([0, 0, 1]), Op("store", "plain", "d", value=Value(None, 1)))
        seen = [op for op in threads[other] if op.register and not op.guards]
        if not seen:
            return
        last = seen[-1]
        stored = [op.value.constant for thread in threads for op in thread
                  if op.writes and op.location == last.location and op.value.register is None]  # fmt: skip
        guards = ((last.register, self.rng.choice(stored or [0])),)
        if self.rng.random() < 0.2:
            threads[other].append(self.fence(guards))
        if self.rng.random() < 0.7:
            threads[other].append(Op("load", "plain", "d", self.register(), guards=guards))
        else:
            threads[other].append(Op("store", "plain", "d", value=Value(None, 2), guards=guards))

    def add_await(self, threads):
        """A thread that goes on only when it has seen what another may have stored."""
        stores = [(t, op) for t, thread in enumerate(threads) for op in thread
                  if op.kind == "store" and op.value.register is None and not op.guards]  # fmt: skip
        if not stores:
            return
        writer, store = self.rng.choice(stores)
        waiter = self.rng.choice([t for t in range(len(threads)) if t != writer])
        place = self.rng.randint(0, len(threads[waiter]))
        threads[waiter].insert(place, Op("await", self.order(LOAD_ORDERS), store.location, expected=store.value))

    def add_locks(self, threads):
        """Critical sections, of two mutexes here and there."""
        for thread in threads:
            for mutex in self.rng.sample(["m", "n"], self.rng.choice([0, 1, 1, 2, 2])):
                first = self.rng.randint(0, len(thread))
                last = self.rng.randint(first, len(thread))
                thread.insert(last, Op("store", "release", mutex, value=Value(None, 0)))
                thread.insert(first, Op("lock", "acquire", mutex, value=Value(None, 1), expected=Value(None, 0)))
        if self.rng.random() < 0.5:
            for thread in self.rng.sample(threads, 2):
                thread.insert(self.rng.randint(0, len(thread)), Op("store", "plain", "d", value=self.value([])))

    def program(self):
        threads = self.cycle_threads() if self.rng.random() < 0.7 else self.free_threads()
        addition = self.rng.random()
        if addition < 0.3:
            self.add_plain(threads)
        elif addition < 0.5:
            self.add_await(threads)
        elif addition < 0.7:
            self.add_locks(threads)
        shown = [op.register for thread in threads for op in thread if op.register]
        shown += [f"={location}" for location in self.locations]
        return Program(tuple(map(tuple, threads)), tuple(shown), self.spurious)


def feasible(program):
    stores = {}
    for thread in program.threads:
        for op in thread:
            if op.writes:
                stores[op.location] = stores.get(op.location, 0) + 1
    registers = sum(op.register is not None for thread in program.threads for op in thread)
    return (registers <= 12 and max(stores.values(), default=0) <= STORES_MAX
            and Sites(program).count() <= ASSIGNMENTS_MAX)  # fmt: skip


def random_search(seed, index, extra=0):
    """A program and what it may come to. None that may race as well as get stuck: the checker ends with either."""
    rng = random.Random(f"{seed}.{index}.{extra}")
    while True:
        program = Writer(rng, extra).program()
        if feasible(program):
            search = Search(program)
            if not (search.racy and search.stuck):
                return search


def write(out, seed, first, count, extra):
    names = []
    print(f"/* Made by random_litmus.py --seed {seed} --first {first} --count {count} --extra {extra}. */", file=out)
    print('#include "tests/model/litmus.h"\n', file=out)
    for index in range(first, first + count):
        search = random_search(seed, index, extra)
        names.append(f"random_{seed}_{index}")
        about = f"--seed {seed} --first {index} --count 1 --extra {extra}"
        print(write_block(names[-1], about, search.program, verdict(search)), file=out)
    print("static const struct model_scenario *const scenarios[] = {", file=out)
    print("".join(f"    &{name},\n" for name in names) + "    NULL,\n};\n", file=out)
    print("int main(int argc, char **argv)\n{\n    return model_main(argc, argv, scenarios);\n}", file=out)


def main():
    parser = argparse.ArgumentParser(description="Writes random litmus tests with the oracle's outcomes.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="index of the first program")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--extra", type=int, default=0, help="operations by which threads may be longer")
    parser.add_argument("--output", type=argparse.FileType("w"), default=sys.stdout)
    options = parser.parse_args()
    write(options.output, options.seed, options.first, options.count, options.extra)


if __name__ == "__main__":
    main()
