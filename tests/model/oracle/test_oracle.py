#!/usr/bin/env python3
"""The oracle against what the literature says, against a search that leaves nothing out, and its reading of C."""

import itertools
import os
import subprocess
import sys
import tempfile
import unittest

import random_litmus
from litmus_source import Unreadable, blocks, parse_thread, verdict, write_block
from rc11 import Program, Relation, Run, Search, Sites

HERE = os.path.dirname(os.path.abspath(__file__))


def outcomes(shown, *threads):
    return Search(Program(tuple(tuple(parse_thread(thread)) for thread in threads), tuple(shown.split()))).outcomes


def all_outcomes(program):
    """By trying everything: any store for any load, any order of stores, and only then the axioms."""
    sites, found, racy, stuck = Sites(program), set(), False, False
    for sources in itertools.product(*(sites.sources(read) for read in sites.reads)):
        run = Run(sites, dict(zip(sites.reads, sources)))
        if not run.possible:
            continue
        execution = run.execution()
        stores = {}
        for i, event in enumerate(execution.events):
            if event.kind == "W":
                stores.setdefault(event.location, []).append(i)
        for orders in itertools.product(*(itertools.permutations(group) for group in stores.values())):
            pairs = [(a, b) for order in orders for i, a in enumerate(order) for b in order[i + 1 :]]
            if execution.consistent(Relation.of_pairs(execution.size, pairs)):
                last = {execution.events[order[0]].location: order[-1] for order in orders}
                values = [execution.events[last[shown[1:]]].value if shown[0] == "=" and shown[1:] in last
                          else run.registers.get(shown, 0) for shown in program.shown]  # fmt: skip
                racy |= execution.racy()
                if execution.stuck:
                    stuck |= all(execution.source[i] == last[execution.events[i].location] for i in execution.stuck)
                else:
                    found.add(" ".join(map(str, values)))
    return found, racy, stuck


class Literature(unittest.TestCase):
    """Lahav et al., PLDI 2017, and what has been known before."""

    def test_store_buffering_is_stopped_by_seq_cst_and_by_fences_alone(self):
        for between, order, allowed in [("", "relaxed", True), ("", "seq_cst", False),
                                        ("fence(seq_cst), ", "relaxed", False),
                                        ("fence(acq_rel), ", "relaxed", True)]:  # fmt: skip
            found = outcomes("r0 r1", f"store(x, 1, {order}), {between}r0 = load(y, {order})",
                             f"store(y, 1, {order}), {between}r1 = load(x, {order})")  # fmt: skip
            self.assertEqual("0 0" in found, allowed, (between, order))

    def test_load_buffering_is_forbidden(self):
        found = outcomes("r0 r1", "r0 = load(x, relaxed), store(y, 1, relaxed)",
                         "r1 = load(y, relaxed), store(x, 1, relaxed)")  # fmt: skip
        self.assertEqual(found, {"0 0", "0 1", "1 0"})

    def test_rwc_with_fences_is_forbidden(self):
        self.assertNotIn("1 0 0", outcomes(
            "r0 r1 r2", "store(x, 1, relaxed)", "r0 = load(x, relaxed), fence(seq_cst), r1 = load(y, relaxed)",
            "store(y, 1, relaxed), fence(seq_cst), r2 = load(x, relaxed)"))  # fmt: skip

    def test_w_rwc_with_fences_is_forbidden(self):
        self.assertNotIn("1 0 0", outcomes(
            "r0 r1 r2", "store(x, 1, relaxed), store(z, 1, release)",
            "r0 = load(z, acquire), fence(seq_cst), r1 = load(y, relaxed)",
            "store(y, 1, relaxed), fence(seq_cst), r2 = load(x, relaxed)"))  # fmt: skip

    def test_z6u_is_allowed(self):
        self.assertIn("1 3 0", outcomes(
            "r0 r1 r2", "store(x, 1, seq_cst), store(y, 1, release)", "r0 = add(y, 1, seq_cst), r1 = load(y, relaxed)",
            "store(y, 3, seq_cst), r2 = load(x, seq_cst)"))  # fmt: skip

    def test_iriw_is_allowed_if_the_first_loads_acquire(self):
        for order, allowed in [("acquire", True), ("seq_cst", False)]:
            found = outcomes("r0 r1 r2 r3", "store(x, 1, seq_cst)", "store(y, 1, seq_cst)",
                             f"r0 = load(x, {order}), r1 = load(y, seq_cst)",
                             f"r2 = load(y, {order}), r3 = load(x, seq_cst)")  # fmt: skip
            self.assertEqual("1 0 1 0" in found, allowed, order)

    def test_a_release_sequence_is_continued_by_updates_only(self):
        reader = "r0 = load(y, acquire), r1 = load(x, relaxed)"
        for second, seen, allowed in [("store(y, 2, relaxed)", 2, True), ("add(y, 1, relaxed)", 2, False)]:
            found = outcomes("r0 r1", f"store(x, 1, relaxed), store(y, 1, release), {second}", reader)
            self.assertEqual(f"{seen} 0" in found, allowed, second)

    def test_fences_pair_unless_both_are_light_or_one_is_light_and_the_other_not_heavy(self):
        fences = {"L": "model_fence_light()", "H": "model_fence_heavy()", "F": "fence(seq_cst)"}
        for pair, allowed in [("LL", True), ("LF", True), ("LH", False), ("HH", False), ("HF", False), ("FF", False)]:
            found = outcomes("r0 r1", f"store(x, 1, relaxed), {fences[pair[0]]}, r0 = load(y, relaxed)",
                             f"store(y, 1, relaxed), {fences[pair[1]]}, r1 = load(x, relaxed)")  # fmt: skip
            self.assertEqual("0 0" in found, allowed, pair)


    def test_an_await_is_passed_with_the_right_value_only_and_may_never_be(self):
        waiter, reader = "await(y, 2, acquire), r0 = load(x, relaxed)", "store(x, 1, relaxed), "
        for stores, stuck in [("store(y, 2, release)", False), ("store(y, 1, release)", True),
                              ("store(y, 2, release), store(y, 1, relaxed)", True)]:  # fmt: skip
            threads = (tuple(parse_thread(reader + stores)), tuple(parse_thread(waiter)))
            search = Search(Program(threads, ("r0",)))
            self.assertEqual(search.stuck, stuck, stores)
            self.assertLessEqual(search.outcomes, {"1"}, stores)

    def test_locks_taken_in_both_orders_deadlock(self):
        one, other = "lock(m), lock(n), unlock(n), unlock(m)", "lock(n), lock(m), unlock(m), unlock(n)"
        for second, stuck in [(one, False), (other, True)]:
            search = Search(Program((tuple(parse_thread(one)), tuple(parse_thread(second))), ()))
            self.assertEqual(search.stuck, stuck, second)

    def test_a_lock_orders_what_is_under_it(self):
        for first, racy in [("lock(m), d = 1, unlock(m)", False), ("lock(m), unlock(m), d = 1", True)]:
            threads = (tuple(parse_thread(first)), tuple(parse_thread("lock(m), r0 = d, unlock(m)")))
            self.assertEqual(Search(Program(threads, ("r0",))).racy, racy, first)


class Completeness(unittest.TestCase):
    def test_what_the_search_leaves_out_early_the_axioms_reject(self):
        for index in range(30):
            search = random_litmus.random_search(7, index)
            program = search.program
            if Sites(program).count() <= 30:
                self.assertEqual((search.outcomes, search.racy, search.stuck), all_outcomes(program), index)


class Source(unittest.TestCase):
    def test_a_block_is_read_as_it_was_written(self):
        for index in range(15):
            search = random_litmus.random_search(3, index)
            program, found = search.program, verdict(search)
            (block,) = blocks(write_block("name", "about", program, found))
            self.assertEqual((block.name, block.program, block.outcomes), ("name", program, found))

    def test_what_is_not_understood_is_refused(self):
        for text in ["x = 1", "store(x, f(1), relaxed)", "r0 = x", "while (1)"]:
            with self.assertRaises(Unreadable, msg=text):
                parse_thread(text)

    def test_a_list_that_is_too_short_is_found(self):
        text = ('LITMUS2(name, "", (store(x, 1, relaxed)), (r0 = load(x, relaxed)), model_outcome("%d", r0), '
                'EXACTLY("0"))')  # fmt: skip
        with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "check_litmus.py"), file.name],
                                  capture_output=True, text=True)  # fmt: skip
        self.assertEqual((done.returncode, done.stdout),
                         (1, 'name: listed "0"; found "0", "1"\n1 compared, 1 differ\n'))  # fmt: skip


if __name__ == "__main__":
    unittest.main()
