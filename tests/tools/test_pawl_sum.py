#!/usr/bin/env python3
"""pawl-sum as people run it: test_pawl_sum.py PROGRAM [unittest's arguments].

Each test is one claim. Trees are made afresh in a temporary directory; sha256sum, find and hashlib say what is right.
"""
import fcntl
import hashlib
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = b""
LONG = 120  # seconds after which a run hangs; sanitizers are slow
BUFFER = 128 * 1024
HUGE = 1 << 40  # a sparse file that nobody sums to its end


def run(*arguments, program=None, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([program or PROGRAM, *arguments], stdout=options.pop("stdout", subprocess.PIPE),
                          stderr=subprocess.PIPE, timeout=LONG, **options)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def line(data, name):
    return sha(data).encode() + b"  " + os.fsencode(name) + b"\n"


def by_sha256sum(tree, cwd=None):
    """The lines of find and sha256sum, sorted."""
    found = subprocess.run(["find", tree, "-type", "f", "-print0"], stdout=subprocess.PIPE, check=True, cwd=cwd)
    lines = subprocess.run(["xargs", "-0", "sha256sum", "--"], input=found.stdout, stdout=subprocess.PIPE, check=True,
                           cwd=cwd).stdout
    return sorted(lines.splitlines(keepends=True))


def in_order(output):
    return sorted(output.splitlines(keepends=True))


class Case(unittest.TestCase):
    def setUp(self):
        self.top = os.fsencode(tempfile.mkdtemp(prefix="pawl-sum-"))
        os.chmod(self.top, 0o755)
        self.tree = self.path(b"tree")
        os.mkdir(self.tree)

    def tearDown(self):
        subprocess.run(["rm", "-rf", "--", self.top], check=True)

    def path(self, *names):
        return os.path.join(self.top, *names)

    def make(self, name, data=b"data\n"):
        """A file under the tree, with the directories that it needs."""
        path = os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def make_huge(self, name=b"huge"):
        path = self.make(name, b"")
        os.truncate(path, HUGE)
        return path

    def make_odd_names(self):
        for name in [b"plain", b"two words", b" leading", b"trailing ", b"-dash", b"--json", b"new\nline", b"\n",
                     b"back\\slash", b"\\", b"\\n", b"carriage\rreturn", b"all\\\r\n", b"tab\t", b"quote'\"$`", b"*",
                     b"caf\xc3\xa9", b"latin\xe9", b"\xff\xfe", b"\x01\x1b[31m", b"a" * 255, b"dir\n/in\\side"]:
            self.make(name, b"I am " + name)

    def assertSucceeds(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def assertSums(self, done, *lines):
        self.assertEqual(in_order(done.stdout), sorted(lines))


class Sums(Case):
    def test_lines_are_those_of_sha256sum(self):
        self.make_odd_names()
        done = run(self.tree)
        self.assertSucceeds(done)
        self.assertEqual(in_order(done.stdout), by_sha256sum(self.tree))

    def test_sha256sum_checks_the_lines(self):
        self.make_odd_names()
        done = run(self.tree)
        check = subprocess.run(["sha256sum", "-c", "--strict", "--quiet"], input=done.stdout, capture_output=True)
        self.assertEqual((check.returncode, check.stdout, check.stderr), (0, b"", b""))

    def test_a_changed_file_fails_the_check(self):
        path = self.make(b"file")
        done = run(self.tree)
        with open(path, "ab") as file:
            file.write(b"!")
        check = subprocess.run(["sha256sum", "-c", "--quiet"], input=done.stdout, capture_output=True)
        self.assertEqual(check.returncode, 1)

    def test_backslash_newline_and_return_are_escaped_behind_a_backslash(self):
        path = self.make(b"a\\b\nc\rd", b"x")
        escaped = path.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        self.assertSums(run(path), b"\\" + line(b"x", escaped))

    def test_an_empty_file_has_the_sum_of_nothing(self):
        path = self.make(b"empty", b"")
        self.assertSums(run(path), line(b"", path))

    def test_sizes_around_the_buffer_are_right(self):
        expected = []
        for size in [1, 63, 64, 65, BUFFER - 1, BUFFER, BUFFER + 1, 2 * BUFFER, 8 * BUFFER, 8 * BUFFER + 1,
                     20 * BUFFER + 7]:
            data = os.urandom(size)
            expected.append(line(data, self.make(b"%d" % size, data)))
        for reads in ["auto", "inline", "pool"]:
            with self.subTest(reads=reads):
                self.assertSums(run("--reads", reads, self.tree), *expected)

    def test_the_number_of_jobs_changes_nothing(self):
        for i in range(300):
            self.make(b"%d/%d" % (i % 17, i), os.urandom(i * 97))
        expected = by_sha256sum(self.tree)
        for jobs in ["1", "2", "3", "16"]:
            with self.subTest(jobs=jobs):
                done = run("--jobs", jobs, self.tree)
                self.assertSucceeds(done)
                self.assertEqual(in_order(done.stdout), expected)

    def test_how_it_is_read_changes_nothing(self):
        for i in range(300):
            self.make(b"%d/%d" % (i % 17, i), os.urandom(i * 97))
        expected = by_sha256sum(self.tree)
        for reads in ["auto", "inline", "pool"]:
            with self.subTest(reads=reads):
                done = run("--reads", reads, self.tree)
                self.assertSucceeds(done)
                self.assertEqual(in_order(done.stdout), expected)

    def test_what_is_not_in_memory_is_read_all_the_same(self):
        expected = []
        for i in range(40):
            data = os.urandom(i * 10007)
            path = self.make(b"%d" % i, data)
            expected.append(line(data, path))
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        done = run(self.tree)
        self.assertSucceeds(done)
        self.assertSums(done, *expected)

    def test_what_is_half_in_memory_is_read_whole(self):
        expected = []
        for i in range(1, 30):
            data = os.urandom(5 * BUFFER + i)
            path = self.make(b"%d" % i, data)
            expected.append(line(data, path))
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), i * 20480, 0, os.POSIX_FADV_DONTNEED)
        done = run(self.tree)
        self.assertSucceeds(done)
        self.assertSums(done, *expected)

    def test_a_timeout_that_does_not_pass_changes_nothing(self):
        self.make_odd_names()
        done = run("--timeout", "1h", self.tree)
        self.assertSucceeds(done)
        self.assertEqual(in_order(done.stdout), by_sha256sum(self.tree))

    def test_a_file_given_twice_is_summed_twice(self):
        path = self.make(b"file", b"x")
        self.assertSums(run(path, path), line(b"x", path), line(b"x", path))

    def test_files_and_directories_may_be_mixed(self):
        first = self.make(b"first", b"1")
        second = self.make(b"dir/second", b"2")
        done = run(first, os.path.dirname(second), second)
        self.assertSucceeds(done)
        self.assertSums(done, line(b"1", first), line(b"2", second), line(b"2", second))

    def test_an_empty_directory_has_no_lines(self):
        done = run(self.tree)
        self.assertSucceeds(done)
        self.assertEqual(done.stdout, b"")

    def test_a_trailing_slash_is_not_doubled(self):
        path = self.make(b"file", b"x")
        self.assertSums(run(self.tree + b"/"), line(b"x", path))

    def test_a_relative_path_stays_relative(self):
        self.make(b"dir/file", b"x")
        self.assertSums(run(".", cwd=self.tree), line(b"x", "./dir/file"))

    def test_a_name_that_starts_with_a_dash_goes_behind_two(self):
        self.make(b"--json", b"x")
        self.assertSums(run("--", "--json", cwd=self.tree), line(b"x", "--json"))

    def test_standard_input_is_a_dash(self):
        data = os.urandom(3 * BUFFER + 1)
        done = run("-", stdin=None, input=data)
        self.assertSucceeds(done)
        self.assertSums(done, line(data, "-"))

    def test_standard_input_given_twice_is_empty_the_second_time(self):
        done = run("-", "-", stdin=None, input=b"x")
        self.assertSucceeds(done)
        self.assertSums(done, line(b"x", "-"), line(b"", "-"))

    def test_standard_input_that_comes_slowly_is_waited_for(self):
        process = subprocess.Popen([PROGRAM, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        for piece in [b"one ", b"two ", b"three"]:
            process.stdin.write(piece)
            time.sleep(0.12)
        output, _ = process.communicate(timeout=LONG)
        self.assertEqual(output, line(b"one two three", "-"))

    def test_files_of_proc_whose_size_is_0_are_read(self):
        done = run("/proc/version")
        expected = subprocess.run(["sha256sum", "/proc/version"], stdout=subprocess.PIPE, check=True).stdout
        self.assertEqual((done.returncode, done.stdout), (0, expected))


class Walks(Case):
    def test_a_directory_wider_than_every_buffer_is_summed_whole(self):
        expected = [line(b"%d" % i, self.make(b"file number %d" % i, b"%d" % i)) for i in range(9000)]
        done = run(self.tree)
        self.assertSucceeds(done)
        self.assertSums(done, *expected)

    def test_many_directories_are_all_visited(self):
        expected = [line(b"%d" % i, self.make(b"%d/%d/file" % (i % 40, i), b"%d" % i)) for i in range(1500)]
        done = run("--jobs", "8", self.tree)
        self.assertSucceeds(done)
        self.assertSums(done, *expected)

    def test_links_met_on_the_way_are_not_followed(self):
        path = self.make(b"dir/file", b"x")
        os.symlink(b"..", os.path.join(self.tree, b"dir/loop"))
        os.symlink(b"file", os.path.join(self.tree, b"dir/link"))
        os.symlink(b"nothing", os.path.join(self.tree, b"dir/dangling"))
        done = run(self.tree)
        self.assertSucceeds(done)
        self.assertSums(done, line(b"x", path))

    def test_a_link_given_is_followed_to_its_file(self):
        self.make(b"file", b"x")
        link = os.path.join(self.tree, b"link")
        os.symlink(b"file", link)
        done = run(link)
        self.assertSucceeds(done)
        self.assertSums(done, line(b"x", link))

    def test_a_link_given_is_followed_to_its_directory(self):
        self.make(b"dir/file", b"x")
        link = os.path.join(self.tree, b"link")
        os.symlink(b"dir", link)
        done = run(link)
        self.assertSucceeds(done)
        self.assertSums(done, line(b"x", link + b"/file"))

    def test_a_link_given_that_dangles_is_an_error(self):
        link = os.path.join(self.tree, b"link")
        os.symlink(b"nothing", link)
        done = run(link)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(done.stderr, b"pawl-sum: " + link + b": No such file or directory\n")

    def test_a_link_given_that_leads_to_itself_is_an_error(self):
        link = os.path.join(self.tree, b"link")
        os.symlink(b"link", link)
        done = run(link)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"Too many levels of symbolic links", done.stderr)

    def make_deep(self, depth, name=b"d" * 100):
        """Nested so deep that no system call takes the whole path."""
        directory = os.open(self.tree, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=directory)
            inner = os.open(name, os.O_RDONLY, dir_fd=directory)
            os.close(directory)
            directory = inner
        file = os.open(b"file", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=directory)
        os.write(file, b"deep")
        os.close(file)
        os.close(directory)
        return self.tree + (b"/" + name) * depth + b"/file"

    def test_a_tree_deeper_than_the_longest_path_is_walked(self):
        path = self.make_deep(130)
        self.assertGreater(len(path), 3 * 4096)
        done = run(self.tree)
        self.assertSucceeds(done)
        self.assertSums(done, line(b"deep", path))

    def test_a_tree_of_a_thousand_levels_is_walked_with_few_descriptors(self):
        path = self.make_deep(1000, b"d")
        done = run("--jobs", "2", self.tree, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
        self.assertSucceeds(done)
        self.assertSums(done, line(b"deep", path))

    def test_a_path_longer_than_the_longest_may_be_given(self):
        path = self.make_deep(130)
        done = run(path)
        self.assertSucceeds(done)
        self.assertSums(done, line(b"deep", path))

    def test_many_files_need_few_descriptors(self):
        """Long ones, so that their tasks yield and others start; without a limit all would be open at once."""
        for i in range(200):
            os.truncate(self.make(b"%d/%d" % (i % 20, i), b"x%d" % i), 20 * BUFFER)
        expected = by_sha256sum(self.tree)
        for reads in ["auto", "inline", "pool"]:
            with self.subTest(reads=reads):
                done = run("--jobs", "2", "--reads", reads, self.tree,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
                self.assertSucceeds(done)
                self.assertEqual(in_order(done.stdout), expected)

    def make_specials(self):
        os.mkfifo(os.path.join(self.tree, b"fifo"))
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(self.tree, b"socket"))
        listener.close()

    def test_specials_are_skipped_with_a_word(self):
        path = self.make(b"file", b"x")
        self.make_specials()
        done = run(self.tree)
        self.assertEqual(done.returncode, 0)
        self.assertSums(done, line(b"x", path))
        self.assertEqual(in_order(done.stderr), [b"pawl-sum: " + self.tree + b"/fifo: skipped: a FIFO\n",
                                                 b"pawl-sum: " + self.tree + b"/socket: skipped: a socket\n"])

    def test_devices_are_skipped_with_a_word(self):
        try:
            os.mknod(os.path.join(self.tree, b"null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            self.skipTest("may not make devices")
        done = run(self.tree)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertEqual(done.stderr, b"pawl-sum: " + self.tree + b"/null: skipped: a device\n")

    def test_specials_given_are_refused_and_the_rest_is_done(self):
        path = self.make(b"file", b"x")
        self.make_specials()
        for special, kind in [(self.tree + b"/fifo", b"a FIFO"), (self.tree + b"/socket", b"a socket"),
                              (b"/dev/null", b"a device")]:
            with self.subTest(kind=kind):
                done = run(special, path)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr,
                                 b"pawl-sum: " + special + b": is " + kind + b", not a file or a directory\n")
                self.assertSums(done, line(b"x", path))


class Failures(Case):
    def test_what_is_not_there_is_an_error_and_the_rest_is_done(self):
        path = self.make(b"file", b"x")
        gone = self.tree + b"/gone"
        done = run(gone, path)
        self.assertEqual((done.returncode, done.stderr), (1, b"pawl-sum: " + gone + b": No such file or directory\n"))
        self.assertSums(done, line(b"x", path))

    def test_an_empty_path_is_not_there(self):
        done = run("")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(done.stderr, b"pawl-sum: '': No such file or directory\n")

    def test_a_component_that_is_no_directory_is_an_error(self):
        done = run(self.make(b"file") + b"/below")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Not a directory", done.stderr)

    def test_a_name_in_a_message_cannot_reach_the_terminal_raw(self):
        done = run(b"/nonexistent/\x1b[31m\nred\x9b it's")
        self.assertEqual(done.stderr, b"pawl-sum: '/nonexistent/'$'\\033''[31m'$'\\n''red'$'\\233'' it'\\''s': "
                         b"No such file or directory\n")

    def run_as_nobody(self, *arguments):
        """Root may read everything, so these run as somebody else."""
        if os.geteuid() != 0:
            return run(*arguments)
        program = self.path(b"pawl-sum")
        shutil.copy(PROGRAM, program)
        os.chmod(program, 0o755)
        try:
            return run(*arguments, program=program, user=65534, group=65534, extra_groups=[], cwd=self.top)
        except PermissionError:
            self.skipTest("cannot run as somebody else")

    def test_an_unreadable_file_is_an_error_and_the_rest_is_done(self):
        path = self.make(b"file", b"x")
        secret = self.make(b"secret")
        os.chmod(secret, 0)
        done = self.run_as_nobody(self.tree)
        self.assertEqual((done.returncode, done.stderr), (1, b"pawl-sum: " + secret + b": Permission denied\n"))
        self.assertSums(done, line(b"x", path))

    def test_an_unreadable_directory_is_an_error_and_the_rest_is_done(self):
        path = self.make(b"file", b"x")
        self.make(b"secret/file")
        os.chmod(self.tree + b"/secret", 0)
        done = self.run_as_nobody(self.tree)
        self.assertEqual((done.returncode, done.stderr),
                         (1, b"pawl-sum: " + self.tree + b"/secret: Permission denied\n"))
        self.assertSums(done, line(b"x", path))

    def start_blocked(self, *arguments):
        """A run that has read the tree's entries and cannot go on: its output is a full pipe."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        with open(self.path(b"errors"), "wb") as errors:
            process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=writer, stderr=errors)
        os.close(writer)
        return process, open(reader, "rb", buffering=0)

    def end_blocked(self, process, output):
        """Reads it to its end: lines, errors."""
        with output:
            lines = output.readall().splitlines(keepends=True)
        process.wait(timeout=LONG)
        with open(self.path(b"errors"), "rb") as errors:
            return lines, errors.read().splitlines()

    def test_files_that_vanish_are_errors_and_the_rest_is_done(self):
        count = 1900
        names = {self.make(b"%d" % i, b"x") for i in range(count)}
        process, output = self.start_blocked("--jobs", "2", self.tree)
        select.select([output], [], [], LONG)
        for name in names:
            os.unlink(name)
        lines, errors = self.end_blocked(process, output)
        self.assertEqual(process.returncode, 1)
        summed = {at[:-1].split(b"  ", 1)[1] for at in lines}
        vanished = set()
        for error in errors:
            match = re.fullmatch(rb"pawl-sum: (.*): No such file or directory", error)
            self.assertIsNotNone(match, error)
            vanished.add(match[1])
        self.assertGreater(len(vanished), 0)
        self.assertEqual(summed & vanished, set())
        self.assertLessEqual(summed | vanished, names)

    def test_a_reader_that_waits_is_waited_for(self):
        names = [self.make(b"%d" % i, b"x") for i in range(1900)]
        process, output = self.start_blocked(self.tree)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        lines, errors = self.end_blocked(process, output)
        self.assertEqual((process.returncode, errors), (0, []))
        self.assertEqual(sorted(lines), sorted(line(b"x", name) for name in names))

    def test_closed_standard_output_is_an_error(self):
        done = run(self.make(b"file"), preexec_fn=lambda: os.close(1))
        self.assertEqual((done.returncode, done.stderr), (1, b"pawl-sum: standard output: Bad file descriptor\n"))

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = run(self.make(b"file"), stdout=full)
        self.assertEqual((done.returncode, done.stderr), (1, b"pawl-sum: standard output: No space left on device\n"))

    def test_a_pipe_that_nobody_reads_any_more_is_an_error_and_ends_the_run(self):
        self.make(b"file")
        reader, writer = os.pipe()
        os.close(reader)
        start = time.monotonic()
        done = run(self.tree + b"/file", self.make_huge(), stdout=writer)
        os.close(writer)
        self.assertEqual((done.returncode, done.stderr), (1, b"pawl-sum: standard output: Broken pipe\n"))
        self.assertLess(time.monotonic() - start, 20)

    def test_closed_standard_input_is_an_error(self):
        done = run("-", stdin=None, preexec_fn=lambda: os.close(0))
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(done.stderr, b"pawl-sum: -: Bad file descriptor\n")

    def test_a_directory_as_standard_input_is_an_error(self):
        directory = os.open(self.tree, os.O_RDONLY)
        done = run("-", stdin=directory)
        os.close(directory)
        self.assertEqual((done.returncode, done.stderr), (1, b"pawl-sum: -: Is a directory\n"))

    def test_help_on_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(run("--help", stdout=full).returncode, 1)


class Timeouts(Case):
    def test_a_nanosecond_is_too_short_for_any_file(self):
        paths = [self.make(b"%d" % i, b"x" * i) for i in range(50)]
        done = run("--timeout", "1ns", self.tree)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(in_order(done.stderr), sorted(b"pawl-sum: " + path + b": timed out\n" for path in paths))

    def assertStopsHuge(self, *arguments):
        huge = self.make_huge()
        path = self.make(b"small", b"x")
        start = time.monotonic()
        done = run("--timeout", "300ms", *arguments, self.tree)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual((done.returncode, done.stderr), (1, b"pawl-sum: " + huge + b": timed out\n"))
        self.assertSums(done, line(b"x", path))

    def test_a_long_file_is_given_up_between_pieces_and_the_rest_is_done(self):
        self.assertStopsHuge()

    def test_the_only_worker_gives_a_long_file_up_too(self):
        self.assertStopsHuge("--jobs", "1")

    def test_a_long_file_is_given_up_however_it_is_read(self):
        for reads in ["auto", "inline", "pool"]:
            with self.subTest(reads=reads):
                self.assertStopsHuge("--jobs", "2", "--reads", reads)

    def test_silent_standard_input_is_given_up(self):
        reader, writer = os.pipe()
        done = run("--timeout", "100ms", "-", stdin=reader)
        os.close(reader)
        os.close(writer)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, b"", b"pawl-sum: -: timed out\n"))

    def test_units_are_understood(self):
        path = self.make(b"file", b"x")
        for text in ["30000000000ns", "30000000us", "30000ms", "30s", "30", "0.5m", "2min", "1.5h", ".5h"]:
            with self.subTest(text=text):
                self.assertSums(run("--timeout", text, path), line(b"x", path))


class Interrupts(Case):
    def start(self, *arguments, **options):
        """A run that has summed one file and is at work on a huge one."""
        first = self.make(b"first", b"x")
        process = subprocess.Popen([PROGRAM, *arguments, first, self.make_huge()],
                                   stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, bufsize=0, **options)
        self.assertEqual(process.stdout.read(1), line(b"x", first)[:1])
        return process

    def end(self, process, number):
        start = time.monotonic()
        process.send_signal(number)
        output, errors = process.communicate(timeout=LONG)
        self.assertLess(time.monotonic() - start, 10)
        return output, errors

    def assertEnds(self, *arguments):
        process = self.start(*arguments)
        output, errors = self.end(process, signal.SIGINT)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(errors, b"pawl-sum: interrupted (Interrupt): 1 files summed, the rest not\n")
        self.assertEqual(output.count(b"\n"), 1)

    def test_control_c_ends_the_run_with_130_and_a_word(self):
        self.assertEnds()

    def test_control_c_ends_the_only_worker(self):
        self.assertEnds("--jobs", "1")

    def test_control_c_ends_a_run_however_it_reads(self):
        for reads in ["auto", "inline", "pool"]:
            with self.subTest(reads=reads):
                self.assertEnds("--reads", reads)

    def test_control_c_ends_a_run_with_timeouts(self):
        self.assertEnds("--timeout", "1h")

    def test_sigterm_ends_the_run_with_143(self):
        process = self.start()
        self.end(process, signal.SIGTERM)
        self.assertEqual(process.returncode, 143)

    def test_sighup_ends_the_run_with_129(self):
        process = self.start()
        self.end(process, signal.SIGHUP)
        self.assertEqual(process.returncode, 129)

    def test_sighup_is_nothing_under_nohup(self):
        process = self.start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        self.end(process, signal.SIGINT)
        self.assertEqual(process.returncode, 130)

    def test_control_c_ends_a_wait_for_standard_input(self):
        first = self.make(b"first", b"x")
        process = subprocess.Popen([PROGRAM, first, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, bufsize=0)
        process.stdout.read(1)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=LONG), 130)
        self.assertLess(time.monotonic() - start, 10)
        for pipe in [process.stdin, process.stdout, process.stderr]:
            pipe.close()

    def test_control_c_ends_a_run_whose_output_nobody_reads(self):
        for i in range(1900):
            self.make(b"%d" % i, b"x")
        reader, writer = os.pipe()
        process = subprocess.Popen([PROGRAM, self.tree], stdin=subprocess.DEVNULL, stdout=writer,
                                   stderr=subprocess.PIPE)
        os.close(writer)
        os.read(reader, 1)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LONG)
        os.close(reader)
        self.assertEqual(process.returncode, 130)
        self.assertIn(b"interrupted", errors)

    def test_lines_before_an_interrupt_are_whole_and_right(self):
        for i in range(3000):
            self.make(b"%d/%d" % (i % 10, i), b"%d" % i)
        self.make_huge(b"huge")
        expected = {line(b"%d" % i, os.path.join(self.tree, b"%d/%d" % (i % 10, i))) for i in range(3000)}
        process = subprocess.Popen([PROGRAM, self.tree], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, bufsize=0)
        first = process.stdout.read(1)
        output, _ = self.end(process, signal.SIGINT)
        self.assertEqual(process.returncode, 130)
        lines = (first + output).splitlines(keepends=True)
        self.assertEqual(len(lines), len(set(lines)))
        self.assertLessEqual(set(lines), expected)

    def test_the_json_summary_of_an_interrupted_run_says_it_is_not_complete(self):
        first = self.make(b"first", b"x")
        process = subprocess.Popen([PROGRAM, "--json", first, self.make_huge()], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        begin = process.stdout.read(1)
        output, _ = self.end(process, signal.SIGINT)
        lines = [json.loads(at) for at in (begin + output).splitlines()]
        self.assertEqual(lines[0]["path"], os.fsdecode(first))
        self.assertIs(lines[-1]["summary"]["complete"], False)


class Usage(Case):
    def assertRefused(self, *arguments, word):
        done = run(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(word, done.stderr.decode())
        self.assertIn("Try 'pawl-sum --help'.", done.stderr.decode())

    def test_no_path_is_a_usage_error(self):
        self.assertRefused(word="no PATH given")

    def test_an_unknown_option_is_a_usage_error(self):
        self.assertRefused("--fast", "/etc/passwd", word="--fast")

    def test_a_missing_value_is_a_usage_error(self):
        self.assertRefused("/etc/passwd", "--jobs", word="--jobs")

    def test_numbers_of_jobs_that_are_none_are_usage_errors(self):
        for text in ["0", "-1", "", "two", "2x", "4097", "99999999999999999999"]:
            with self.subTest(text=text):
                self.assertRefused("--jobs=" + text, "/etc/passwd", word="'" + text + "'")

    def test_times_that_are_none_are_usage_errors(self):
        for text in ["0", "0s", "", "s", "-1s", "5 s", "5x", "1.2.3s", "nan", "inf", "0x10", "1e3s", "99999999999h"]:
            with self.subTest(text=text):
                self.assertRefused("--timeout=" + text, "/etc/passwd", word="'" + text + "'")

    def test_ways_of_reading_that_are_none_are_usage_errors(self):
        self.assertRefused("--reads=fast", "/etc/passwd", word="'fast'")

    def test_help_names_every_option(self):
        done = run("--help")
        self.assertSucceeds(done)
        for option in [b"--jobs", b"--timeout", b"--stats", b"--json", b"--progress", b"--no-progress", b"--reads",
                       b"--help", b"--version"]:
            self.assertIn(option, done.stdout)

    def test_version_is_one_line(self):
        done = run("--version")
        self.assertSucceeds(done)
        self.assertRegex(done.stdout, rb"^pawl-sum \(Pawl\) \d+\.\d+\.\d+\n$")


class Json(Case):
    def lines(self, *arguments, **options):
        done = run("--json", *arguments, **options)
        return done, [json.loads(at) for at in done.stdout.splitlines()]

    def test_a_file_has_path_sum_bytes_and_time(self):
        path = self.make(b"file", b"12345")
        done, lines = self.lines(path)
        self.assertSucceeds(done)
        self.assertEqual(set(lines[0]), {"path", "sha256", "bytes", "ns"})
        self.assertEqual((lines[0]["path"], lines[0]["sha256"], lines[0]["bytes"]),
                         (os.fsdecode(path), sha(b"12345"), 5))
        self.assertGreater(lines[0]["ns"], 0)

    def test_every_name_comes_back_exactly(self):
        self.make_odd_names()
        _, lines = self.lines(self.tree)
        names = {bytes.fromhex(at["path_hex"]) if "path_hex" in at else at["path"].encode(): at["sha256"]
                 for at in lines[:-1]}
        found = subprocess.run(["find", self.tree, "-type", "f", "-print0"], stdout=subprocess.PIPE, check=True).stdout
        expected = {}
        for path in found.rstrip(b"\0").split(b"\0"):
            with open(path, "rb") as file:
                expected[path] = sha(file.read())
        self.assertEqual(names, expected)

    def test_bytes_that_are_no_utf8_are_replaced_one_by_one(self):
        path = self.make(b"a\xff\xc3(\xed\xa0\x80\xf5z\xe2\x82\xac", b"x")
        _, lines = self.lines(path)
        self.assertEqual(lines[0]["path"], os.fsdecode(self.tree) + "/a\ufffd\ufffd(\ufffd\ufffd\ufffd\ufffdz\u20ac")
        self.assertEqual(bytes.fromhex(lines[0]["path_hex"]), path)

    def test_a_failure_has_path_and_error(self):
        done, lines = self.lines("/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(lines[0], {"path": "/nonexistent", "error": "No such file or directory"})
        self.assertEqual(done.stderr, b"pawl-sum: /nonexistent: No such file or directory\n")

    def test_a_timeout_is_an_error(self):
        path = self.make(b"file")
        _, lines = self.lines("--timeout", "1ns", path)
        self.assertEqual(lines[0], {"path": os.fsdecode(path), "error": "timed out"})

    def test_the_last_line_is_the_summary(self):
        for i in range(10):
            self.make(b"%d" % i, b"x" * i)
        os.mkfifo(self.tree + b"/fifo")
        _, lines = self.lines("--jobs", "2", self.tree, "/nonexistent")
        self.assertEqual([at for at in lines if "summary" in at], lines[-1:])
        summary = lines[-1]["summary"]
        self.assertGreater(summary.pop("ns"), 0)
        self.assertEqual(summary,
                         {"files": 10, "bytes": 45, "errors": 1, "skipped": 1, "jobs": 2, "complete": True})

    def test_stats_are_in_the_summary_and_add_up(self):
        for i in range(200):
            self.make(b"%d" % i, b"x")
        done, lines = self.lines("--stats", "--jobs", "3", "--timeout", "1h", self.tree)
        self.assertSucceeds(done)
        stats = lines[-1]["summary"]["stats"]
        self.assertEqual(len(stats["workers"]), 3)
        self.assertGreaterEqual(stats["total"]["tasks_spawned"], 200)
        self.assertGreaterEqual(stats["total"]["timers_armed"], 200)
        rows = stats["workers"] + [stats["other"]]
        self.assertGreaterEqual(sum(row["tasks_spawned"] for row in rows), 200)
        self.assertLessEqual(sum(row["tasks_spawned"] for row in rows), stats["total"]["tasks_spawned"])


class Stats(Case):
    def table(self, *arguments):
        for i in range(200):
            self.make(b"%d" % i, b"x" * 10)
        done = run("--stats", *arguments, self.tree)
        self.assertEqual(done.returncode, 0)
        lines = done.stderr.decode().splitlines()
        return lines[0], [at.split() for at in lines[1:]], lines[1:]

    def test_the_summary_counts_files_and_bytes(self):
        summary, _, _ = self.table("--jobs", "2")
        self.assertRegex(summary, r"^200 files, 2\.0 kB in \d+\.\d{3} s \(.*/s\) with 2 jobs; 0 errors, 0 skipped$")

    def test_the_table_has_a_row_a_worker_and_the_others_and_the_total(self):
        _, rows, _ = self.table("--jobs", "3")
        self.assertEqual([row[0] for row in rows], ["worker", "0", "1", "2", "other", "total"])
        self.assertEqual({len(row) for row in rows}, {len(rows[0])})

    def test_the_table_is_aligned(self):
        _, _, lines = self.table()
        self.assertEqual(len({len(at) for at in lines}), 1)

    def test_tasks_and_timers_are_counted(self):
        _, rows, _ = self.table("--timeout", "1h")
        total = dict(zip(rows[0], rows[-1]))
        self.assertGreaterEqual(int(total["spawned"]), 200)
        self.assertGreaterEqual(int(total["armed"]), 200)
        self.assertGreaterEqual(int(total["cancelled"]), 200)

    def test_standard_output_has_the_sums_alone(self):
        path = self.make(b"file", b"x")
        self.assertSums(run("--stats", path), line(b"x", path))


class Progress(Case):
    def on_a_terminal(self, *arguments, until=None):
        """What a run writes to standard error if that is a terminal, as far as `until` if given, and its status."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, 0x5414, b"\x18\x00\x78\x00\x00\x00\x00\x00")  # TIOCSWINSZ: 24 rows, 120 columns
        process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=theirs)
        os.close(theirs)
        seen = b""
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            if until is not None and re.search(until, seen):
                process.send_signal(signal.SIGINT)
                until = None
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
                seen += piece
        os.close(ours)
        return seen, process.wait(timeout=LONG)

    def test_a_terminal_sees_how_much_is_done_how_fast_and_the_time_left(self):
        self.make(b"small", b"x")
        self.make_huge()
        pattern = rb"\r\x1b\[K1 of 2 files, [\d.]+ [kMG]?B of 1\.1 TB, [\d.]+ [kMG]?B/s, [\d:]+ left"
        seen, status = self.on_a_terminal(self.tree, until=pattern)
        self.assertRegex(seen, pattern)
        self.assertEqual(status, 130)

    def test_the_line_is_erased_before_a_message(self):
        self.make_huge()
        seen, _ = self.on_a_terminal(self.tree, until=rb"left")
        self.assertRegex(seen, rb"left\r\x1b\[K(\r\x1b\[K)*pawl-sum: interrupted")

    def test_a_terminal_sees_nothing_where_it_was_not_asked_for(self):
        self.make(b"small")
        seen, status = self.on_a_terminal("--no-progress", "--timeout", "700ms", self.tree, self.make_huge())
        self.assertEqual(status, 1)
        self.assertNotIn(b"\x1b", seen)

    def test_a_pipe_sees_no_progress(self):
        done = run("--timeout", "700ms", self.make_huge())
        self.assertNotIn(b"B/s", done.stderr)

    def test_a_pipe_sees_lines_of_progress_if_asked(self):
        done = run("--progress", self.make(b"file", b"x" * 2000))
        self.assertEqual(done.returncode, 0)
        last = done.stderr.decode().splitlines()[-1]
        self.assertRegex(last, r"^1 (of 1 )?files, 2\.0 kB( of 2\.0 kB)?, .*/s")
        self.assertNotIn(b"\x1b", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: test_pawl_sum.py PROGRAM [unittest's arguments]")
    PROGRAM = os.fsencode(os.path.abspath(sys.argv.pop(1)))
    os.environ["LC_ALL"] = "C"
    unittest.main()
