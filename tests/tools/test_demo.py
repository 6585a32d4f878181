#!/usr/bin/env python3
"""What tools/demo says before it starts to build."""
import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def demo(*arguments):
    return subprocess.run([os.path.join(ROOT, "tools", "demo"), *arguments], capture_output=True, text=True, timeout=60)


class Demo(unittest.TestCase):
    def test_help_is_printed_and_succeeds(self):
        done = demo("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("tools/demo [--help] [TREE]", done.stdout)

    def test_a_second_tree_is_a_usage_error(self):
        done = demo("/usr", "/etc")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("tools/demo [--help] [TREE]", done.stderr)

    def test_an_unknown_option_is_a_usage_error(self):
        self.assertEqual(demo("--fast").returncode, 2)

    def test_a_tree_that_is_not_there_is_refused_before_anything_is_built(self):
        done = demo("/nonexistent/tree")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("/nonexistent/tree: not a directory", done.stderr)


if __name__ == "__main__":
    unittest.main()
