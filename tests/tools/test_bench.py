#!/usr/bin/env python3
"""pawl-bench, bench/compare and bench/plot as people run them: test_bench.py PROGRAM [unittest's arguments].

Every workload runs briefly, with --check; no figure is judged.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = ""
BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench")
COMPARE, PLOT = os.path.join(BENCH, "compare"), os.path.join(BENCH, "plot")
LONG = 120  # seconds after which a run hangs; sanitizers are slow

# n that suits every workload, but for those that take their time for each.
N = 2048
N_SLOW = {"wake_latency": 20, "sleep_idle": 200, "sleep_busy": 200, "blocked_worker": 200, "parallel_latency": 20,
          "mutex_fair": 640, "mutex_fair_threads": 640}


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG)


def workloads():
    return run(PROGRAM, "--list").stdout.split()


class Bench(unittest.TestCase):
    def measured(self, workload, n, *options):
        done = run(PROGRAM, workload, "--n", str(n), "--reps", "1", "--check", *options)
        self.assertEqual((done.returncode, done.stderr), (0, ""), f"{workload} {options}")
        line = json.loads(done.stdout)
        self.assertEqual((line["impl"], line["workload"]), ("pawl", workload))
        self.assertTrue("median" in line or "p50" in line, line)
        return line

    def test_each_workload_ends_with_a_figure(self):
        self.assertIn("spawn_join", workloads())
        for workload in workloads():
            with self.subTest(workload):
                self.measured(workload, N_SLOW.get(workload, N), "--seconds", "1")

    def test_what_waits_for_other_tasks_does_so_on_any_number_of_workers(self):
        for workload in ("pingpong", "channel_spsc", "channel_mpmc", "select_many", "broadcast_fan", "mutex_contended",
                         "timer_remote"):
            for workers in ("1", "3"):
                with self.subTest(workload, workers=workers):
                    self.assertEqual(self.measured(workload, N, "--workers", workers)["workers"], int(workers))

    def test_a_histogram_has_each_sample_of_the_counted_repetitions(self):
        for workload, n in (("timer_fire", 2048), ("sleep_idle", 200), ("parallel_latency", 20)):
            with self.subTest(workload):
                line = self.measured(workload, n, "--histogram")
                floors = [floor for floor, _ in line["histogram"]]
                self.assertEqual((sum(count for _, count in line["histogram"]), floors), (line["n"], sorted(floors)))
                for floor in floors:
                    self.assertLess(len(f"{floor:b}".rstrip("0")), 6, "five significant bits")
                self.assertLessEqual(floors[-1], line["max"] * 1000 * 1.001)
                self.assertNotIn("histogram", self.measured(workload, n))

    def test_what_pends_has_a_figure_a_size(self):
        line = self.measured("timer_scale", 100)
        self.assertEqual(line["ns_at_100"], line["median"])
        self.assertIn("random_ns_at_100", line)
        self.assertNotEqual("counters" in line, "misses_at_100" in line)

    def test_n_below_what_the_workload_needs_fails(self):
        done = run(PROGRAM, "pingpong", "--n", "1")
        self.assertEqual((done.returncode, done.stdout), (1, ""))

    def test_a_workload_that_is_not_here_is_skipped(self):
        done = run(PROGRAM, "nonesuch")
        self.assertEqual((done.returncode, "skip" in json.loads(done.stdout)), (0, True))


class Programs(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def program(self, name, line, status=0):
        """A program that prints the line whatever it is asked for."""
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\necho '{line}'\nexit {status}\n")
        os.chmod(path, 0o755)
        return path

    def line(self, median, **more):
        return json.dumps({"impl": "x", "workload": "w", "unit": "ns_per_op", "median": median, **more})


class Compare(Programs):
    def test_a_program_is_compared_to_the_first_round_by_round(self):
        first, slow = self.program("first", self.line(10)), self.program("slow", self.line(25))
        done = run(COMPARE, "--json", "--rounds", "3", "--workload", "w", first, slow)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        summary = json.loads(done.stdout)
        self.assertEqual(len(summary["rounds"]), 3)
        self.assertEqual(summary["figures"]["median"][slow]["ratios"], {"median": 2.5, "min": 2.5, "max": 2.5})

    def test_the_table_has_a_row_a_program_and_leaves_out_who_skips(self):
        first, slow = self.program("first", self.line(10)), self.program("slow", self.line(25))
        skips = self.program("skips", json.dumps({"impl": "y", "workload": "w", "skip": "not here"}))
        rows = run(COMPARE, "--workload", "w", first, skips, slow).stdout.splitlines()
        self.assertEqual([row.split()[2] for row in rows[1:]], ["first", "slow"])
        self.assertTrue(rows[2].endswith("2.5x [2.5-2.5]"), rows[2])

    def test_a_program_that_fails_is_an_error(self):
        done = run(COMPARE, "--workload", "w", self.program("first", self.line(10)), self.program("bad", "", 1))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("bad w", done.stderr)

    def test_a_workload_that_nobody_has_is_an_error(self):
        done = run(COMPARE, "--workload", "nonesuch", PROGRAM)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nonesuch", done.stderr)

    def test_each_size_has_a_row(self):
        done = run(COMPARE, "--workload", "w", self.program("scale", self.line(10, ns_at_100=1, ns_at_1000=2)))
        rows = [row.split()[1] for row in done.stdout.splitlines()]
        self.assertEqual(rows[2:], ["ns_at_100", "ns_at_1000"])

    def test_pawl_bench_can_be_compared(self):
        done = run(COMPARE, "--json", "--rounds", "1", "--reps", "1", "--workload", "pingpong:64", PROGRAM)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


class Plot(Programs):
    EARLY, LATE = [[1000, 90], [2048, 10]], [[1000, 50], [65536, 49], [1048576, 1]]

    def plot(self, *options):
        path = os.path.join(self.directory.name, "plot.svg")
        done = run(PLOT, "--output", path, *options)
        if done.returncode != 0:
            return done, None
        return done, xml.etree.ElementTree.parse(path).getroot()

    def curves(self, drawing):
        """{name: places}; further right is later, further down is rarer."""
        svg = "{http://www.w3.org/2000/svg}"
        curves = {}
        for line in drawing.iter(svg + "polyline"):
            places = [[float(n) for n in place.split(",")] for place in line.get("points").split()]
            curves[line.find(svg + "title").text] = places
        return curves

    def test_a_curve_has_the_samples_of_all_rounds(self):
        early = self.program("early", self.line(1, histogram=self.EARLY))
        late = self.program("late<>", self.line(1, histogram=self.LATE))
        done, drawing = self.plot("--rounds", "2", "--workload", "w", early, late)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        curves = self.curves(drawing)
        self.assertEqual([len(curve) for curve in curves.values()], [2, 3])
        (start, fallen), (_, half, last) = curves["early"], curves["late<>"]
        self.assertLess(half[1], fallen[1], "more of them are late")
        self.assertLess(fallen[0], half[0], "and later")
        self.assertLess(start[1], fallen[1])
        self.assertLess(half[1], last[1])

    def test_a_program_that_is_never_late_has_a_curve(self):
        done, drawing = self.plot("--workload", "w", self.program("exact", self.line(1, histogram=[[0, 5]])))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(self.curves(drawing)["exact"]), 1)

    def test_what_compare_has_printed_can_be_drawn(self):
        early = self.program("early", self.line(1, histogram=self.EARLY))
        skips = self.program("skips", json.dumps({"impl": "y", "workload": "w", "skip": "not here"}))
        lines = os.path.join(self.directory.name, "lines.json")
        with open(lines, "w", encoding="utf-8") as file:
            file.write(run(COMPARE, "--json", "--histogram", "--workload", "w,v", early, skips).stdout)
        self.assertEqual(list(self.curves(self.plot("--from", lines, "--workload", "v")[1])), ["early"])
        done, _ = self.plot("--from", lines)
        self.assertEqual((done.returncode, done.stderr), (1, "plot: one --workload of: w, v\n"))

    def test_what_cannot_be_drawn_is_an_error(self):
        bare = self.program("bare", self.line(1))
        cases = {
            "no histograms": ("--workload", "w", bare),
            "bad w": ("--workload", "w", self.program("bad", "", 1)),
            "not the JSON lines": ("--from", bare),
            "No such file": ("--from", "/nonesuch"),
        }
        for what, options in cases.items():
            with self.subTest(what):
                done, _ = self.plot(*options)
                self.assertEqual((done.returncode, what in done.stderr), (1, True), done.stderr)
        self.assertEqual((self.plot()[0].returncode, self.plot(bare)[0].returncode), (2, 2))

    def test_pawl_bench_can_be_drawn(self):
        done, drawing = self.plot("--rounds", "1", "--reps", "1", "--workload", "sleep_idle:100", PROGRAM)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(list(self.curves(drawing)), ["pawl-bench"])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = sys.argv.pop(1)
    unittest.main()
