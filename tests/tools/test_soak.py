#!/usr/bin/env python3
"""tools/soak, over programs that only pretend to be pawl-stress."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FAKE = """#!/usr/bin/env python3
import sys, time
if sys.argv[1] == "--list":
    print("good\\nbad\\nkilled\\nidle_quiet")
    sys.exit()
print('{"seed":1}')
print('{"scenario":"x","seed":1,"result":"ok"}')
print('{"scenario":"x","seed":2,"result":"ok"}', flush=True)
if sys.argv[1] == "bad":
    sys.stderr.write("FAILED: bad: twice\\nagain: pawl-stress bad --seed 7 --workers 2 --noise 5 --rounds 1\\n")
    sys.exit(1)
if sys.argv[1] == "killed":
    import os, signal
    os.kill(os.getpid(), signal.SIGSEGV)
time.sleep(0.2)
"""


class Soak(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        for preset in ("release", "tsan"):
            folder = os.path.join(self.directory.name, preset, "stress")
            os.makedirs(folder)
            program = os.path.join(folder, "pawl-stress")
            with open(program, "w", encoding="utf-8") as file:
                file.write(FAKE.replace("/usr/bin/env python3", sys.executable))
            os.chmod(program, 0o755)

    def command(self, *arguments):
        return [os.path.join(ROOT, "tools", "soak"), "--build", self.directory.name, *arguments]

    def soak(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=60)

    def test_help_is_printed_and_succeeds(self):
        done = self.soak("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("--hours", done.stdout)

    def test_without_a_time_it_is_a_usage_error(self):
        done = self.soak("--preset", "release")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--hours or --minutes", done.stderr)

    def test_a_build_that_is_not_there_is_said_with_the_command_that_makes_it(self):
        done = self.soak("--minutes", "1", "--preset", "asan")
        self.assertEqual(done.returncode, 2)
        self.assertIn("cmake --build --preset asan", done.stderr)

    def test_an_unknown_scenario_is_a_usage_error(self):
        done = self.soak("--minutes", "1", "--preset", "release", "--scenario", "worse")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no scenario worse", done.stderr)

    def test_turns_are_taken_until_the_time_is_over_and_summed_up(self):
        done = self.soak("--minutes", "0.02", "--preset", "release", "--preset", "tsan", "--scenario", "good", "--seed", "5")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"no finding in \d+ turns, \d+ rounds, 0 min \d\d s; seed 5")
        self.assertRegex(done.stdout, r"release +good +seed \d+ +2 rounds .* ok")
        self.assertRegex(done.stdout, r"(?m)^good +\d+ \(\d+\) +\d+ \(\d+\)$")

    def test_a_seed_repeats_the_order_and_the_seeds(self):
        def seeds():
            done = self.soak("--minutes", "0.02", "--preset", "release", "--scenario", "good", "--seed", "5", "--json")
            return [json.loads(line).get("seed") for line in done.stdout.splitlines()][:3]

        self.assertEqual(seeds(), seeds())

    def test_the_first_finding_ends_it_with_the_command_that_runs_it_again(self):
        done = self.soak("--hours", "1", "--preset", "release", "--scenario", "bad")
        self.assertEqual(done.returncode, 1)
        program = os.path.join(self.directory.name, "release", "stress", "pawl-stress")
        self.assertIn("FAILED: bad: twice", done.stdout)
        self.assertIn(f"Again: {program} bad --seed 7 --workers 2 --noise 5 --rounds 1", done.stdout)
        self.assertIn("1 finding in 1 turns", done.stdout)

    def test_a_program_that_dies_without_a_word_is_a_finding(self):
        done = self.soak("--hours", "1", "--preset", "release", "--scenario", "killed", "--json")
        self.assertEqual(done.returncode, 1)
        finding = [json.loads(line) for line in done.stdout.splitlines()][-2]
        self.assertEqual(finding["why"], "was killed by SIGSEGV")
        self.assertIn("killed --seconds", finding["again"])

    def test_under_a_sanitizer_nothing_is_said_about_rest(self):
        done = self.soak("--hours", "1", "--preset", "tsan", "--scenario", "idle_quiet")
        self.assertEqual(done.returncode, 2)

    def test_an_interrupt_ends_it_with_the_summary(self):
        command = self.command("--hours", "1", "--preset", "release", "--scenario", "good")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
        self.assertEqual((process.returncode, stderr), (130, ""))
        self.assertIn("no finding, interrupted", stdout)


if __name__ == "__main__":
    unittest.main()
