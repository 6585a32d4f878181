#!/usr/bin/env python3
"""Plants violations, one at a time, in a small tree that has none, and sees each found."""

import tempfile
import unittest
from pathlib import Path

from check_layers import LINES_MAX, violations

CLEAN = {
    "include/pawl/base.h": "#include <stdint.h>\n",
    "include/pawl/pawl.h": "#include <pawl/base.h>\n",
    "base/lock.h": "#include <pthread.h>\n#include <stdatomic.h>\n_Atomic int *word(void);\n",
    "base/list.h": "struct list;\n\ntypedef int list_fn(int);\n",
    "time/clock.h": '#include <time.h>\n#include "base/lock.h"\n',
    "time/wheel.h": '#include <pawl/base.h>\n#include "base/list.h"\n',
    "time/wheel.c": '#include "time/wheel.h"\n',
    "time/shard.h": '#include "base/lock.h"\n#include "time/clock.h"\nstruct shard {\n    PAWL_ATOMIC(int) word;\n};\n',
    "park/parker.c": """#include "time/shard.h"
static const int table[] = {1, 2};
static const char *const names[] = {"a", "b"};
static int (*const choose)(int) = NULL;
static _Thread_local struct worker *current;
static int once; /* process-wide: written by one constructor */
static struct worker *first_of(struct list *list,
                               int count);
void visit(struct list *list, void (*visit)(void *object));
int pick(struct worker *worker)
{
    static const int limit = 3;
    int n = 0;
out:
    n = 1; /* no _Atomic, no "static int x;" in a comment */
    return n;
}
""",
    "sched/task.h": "enum { COUNT = 3 };\n",
    "sync/channel.h": '#include "sched/task.h"\n',
    "io/socket.h": '#include "sched/task.h"\n',
}

# path, text, part of the sentence that must be said
PLANTED = (
    ("base/list.c", '#include "time/wheel.h"\n', "time is not below base"),
    ("time/entry.c", '#include "park/parker.h"\n', "not the path of a room"),
    ("time/queue.c", '#include "sched/task.h"\n', "sched is not below time"),
    ("sched/run.c", '#include "sync/channel.h"\n', "sync is not below sched"),
    ("sync/mutex.c", '#include "io/socket.h"\n', "io is not below sync"),
    ("time/queue.c", '#include "wheel.h"\n', "not the path of a room"),
    ("time/queue.c", "#include <time/wheel.h>\n", "included with quotes"),
    ("include/pawl/time.h", '#include "time/wheel.h"\n', "public header"),
    ("time/wheel.c", "#include <pthread.h>\n", "knows no clock"),
    ("time/wheel.c", '#include "time/clock.h"\n', "knows no clock"),
    ("time/timerq.c", "#include <time.h>\n", "knows no clock"),
    ("base/list.h", "#include <time.h>\n", "knows no clock"),
    ("time/queue.c", "#include <stdatomic.h>\n", "use base/atomic.h"),
    ("park/driver.c", "struct driver {\n    _Atomic int word;\n};\n", "use base/atomic.h"),
    ("park/driver.c", "int f(int *p)\n{\n    return __atomic_load_n(p, 0);\n}\n", "use base/atomic.h"),
    ("sched/task.c", "\n" * (LINES_MAX + 1), "lines, more than"),
    ("tests/unit/time/test_wheel.c", "\n" * (LINES_MAX + 1), "lines, more than"),
    ("sched/task.c", "static int count;\n", "int count: mutable state"),
    ("sched/task.c", "int count = 3;\n", "int count: mutable state"),
    ("sched/task.c", "static const char *name = NULL;\n", "*name: mutable state"),
    ("sched/task.c", "static struct list *lists[3] = {\n    NULL,\n};\n", "mutable state"),
    ("sched/task.c", "static void (*hook)(int);\n", "mutable state"),
    ("sched/task.c", "static PAWL_ATOMIC(int) count;\n", "count: mutable state"),
    ("sched/task.c", "int f(void)\n{\n    static int calls;\n    return calls++;\n}\n", "int calls: mutable state"),
)


class CheckLayers(unittest.TestCase):
    def sentences(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                file = Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
            return [f"{path}:{line}: {sentence}" for path, line, sentence in violations(Path(folder))]

    def test_finds_nothing_in_a_clean_tree(self):
        self.assertEqual(self.sentences(CLEAN), [])

    def test_finds_each_planted_violation(self):
        for path, text, expected in PLANTED:
            with self.subTest(path=path, text=text[:60]):
                found = self.sentences({**CLEAN, path: CLEAN.get(path, "") + text})
                self.assertEqual(len(found), 1, found)
                self.assertIn(expected, found[0])

    def test_names_the_line(self):
        found = self.sentences({**CLEAN, "sched/task.c": "/* one\n * two */\n\nstatic int count;\n"})
        self.assertTrue(found[0].startswith("sched/task.c:4:"), found)


if __name__ == "__main__":
    unittest.main()
