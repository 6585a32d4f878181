#!/usr/bin/env python3
"""tools/fuzz: its command line, and what it says of targets that find something, with targets that are made up."""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

CALM = """#!/bin/sh
echo 'stat::number_of_executed_units: 7' >&2
"""
CRASHING = """#!/bin/sh
for argument; do case $argument in -artifact_prefix=*) prefix=${argument#*=};; esac; done
echo 'wheel.c:1: not true: the earth is flat' >&2
echo bad >"${prefix}crash-1"
echo "artifact_prefix='$prefix'; Test unit written to ${prefix}crash-1" >&2
exit 77
"""


def write_program(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)


class Fuzz(unittest.TestCase):
    """In a tree of its own, where nothing is installed or built and the targets are scripts."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        os.makedirs(os.path.join(self.root, "tools"))
        shutil.copy(os.path.join(ROOT, "tools", "fuzz"), os.path.join(self.root, "tools", "fuzz"))
        write_program(os.path.join(self.root, "tools", "setup"), "#!/bin/sh\n")
        write_program(os.path.join(self.root, "bin", "cmake"), "#!/bin/sh\n")
        for name, text in [("calm", CALM), ("crashing", CRASHING)]:
            os.makedirs(os.path.join(self.root, "tests", "fuzz", "corpus", name))
            write_program(os.path.join(self.root, "build", "fuzz", "tests", "fuzz", "fuzz_" + name), text)

    def run_fuzz(self, *arguments):
        environment = dict(os.environ, PATH=os.path.join(self.root, "bin") + ":" + os.environ["PATH"])
        command = [os.path.join(self.root, "tools", "fuzz"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    def test_help_is_printed_and_succeeds(self):
        done = self.run_fuzz("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("tools/fuzz [--seconds N]", done.stdout)

    def test_what_it_does_not_know_is_a_usage_error(self):
        for arguments in [("--fast",), ("nothing",), ("--seconds",), ("--seconds", "0"), ("--jobs", "two")]:
            with self.subTest(arguments=arguments):
                done = self.run_fuzz(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn("see --help", done.stderr)

    def test_a_target_that_finds_nothing_succeeds_and_says_how_many_runs_there_were(self):
        done = self.run_fuzz("--seconds", "1", "calm")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("calm: nothing found in 7 runs", done.stdout)
        self.assertNotIn("crashing", done.stdout)

    def test_a_target_that_finds_something_fails_and_says_how_to_run_it_again(self):
        done = self.run_fuzz("--seconds", "1")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("not true: the earth is flat", done.stdout)
        self.assertIn("input: build/fuzz/found/crashing-crash-1", done.stdout)
        self.assertIn("again: build/fuzz/tests/fuzz/fuzz_crashing build/fuzz/found/crashing-crash-1", done.stdout)
        self.assertIn("calm: nothing found", done.stdout)

    def test_the_targets_are_listed(self):
        self.assertEqual(self.run_fuzz("--list").stdout.split(), ["calm", "crashing"])


if __name__ == "__main__":
    unittest.main()
