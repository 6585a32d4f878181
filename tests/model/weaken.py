#!/usr/bin/env python3
"""Weakens one named edge of the library's sources at a time, and shows the model scenario that turns red.

usage: weaken.py [--list] [--json] [--source DIR] [--build DIR] [NAME...]

  --list        name the edges and stop
  --json        one JSON object an edge
  --source DIR  the project (default: where this script lies)
  --build DIR   where the weakened copy is built (default: a temporary directory)
  NAME          only these edges; a part of the name will do

The table is edges.toml, beside this script. An edge whose weakening nothing notices is either not needed or not
tested: the script then says so and ends with status 1. So it does when a text to be weakened is no longer found in
the sources exactly once.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
COPIED = ["CMakeLists.txt", "cmake", "base", "time", "park", "sched", "sync", "include", "tools", "examples", "bench", "stress", "tests"]
SECONDS = 60  # of a scenario, at most
FINDINGS = {"assertion", "data race", "deadlock", "livelock", "leak", "memory misuse", "crash"}
MARK = ".made-by-weaken"


def fail(message, status=1):
    print(f"weaken.py: {message}", file=sys.stderr)
    sys.exit(status)


def parse(arguments):
    options = {"list": False, "json": False, "source": HERE.parent.parent, "build": None, "names": []}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--help":
            print(__doc__.strip())
            sys.exit(0)
        elif argument in ("--list", "--json"):
            options[argument[2:]] = True
        elif argument in ("--source", "--build"):
            value = next(rest, None)
            if value is None:
                fail(f"{argument} wants a directory", 2)
            options[argument[2:]] = pathlib.Path(value).resolve()
        elif argument.startswith("-"):
            fail(f"unknown option {argument}; see --help", 2)
        else:
            options["names"].append(argument)
    return options


def read_edges(names):
    edges = tomllib.loads((HERE / "edges.toml").read_text())["edge"]
    seen = set()
    for edge in edges:
        if edge["name"] in seen:
            fail(f"edges.toml names {edge['name']} twice")
        seen.add(edge["name"])
    if names:
        edges = [edge for edge in edges if any(name in edge["name"] for name in names)]
        if not edges:
            fail("no such edge; see --list", 2)
    return edges


class Copy:
    """A copy of the sources, and a build of its model scenarios."""

    def __init__(self, source, build, edges):
        self.sources = build / "source"
        self.build = build / "build"
        if self.sources.exists() and not (build / MARK).exists():
            fail(f"{build} was not made by this script", 2)
        shutil.rmtree(self.sources, ignore_errors=True)
        self.sources.mkdir(parents=True)
        (build / MARK).touch()
        for name in COPIED:
            if (source / name).is_dir():
                shutil.copytree(source / name, self.sources / name, symlinks=True)
            elif (source / name).exists():
                shutil.copy2(source / name, self.sources / name)
        for edge in edges:  # an object in an older build may be of a weakened one
            os.utime(self.sources / edge["file"])
        self.run(["cmake", "-S", self.sources, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                  "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++", "-DPAWL_DEBUG=ON", "-DPAWL_BUILD_TESTS=ON"])

    @staticmethod
    def run(command):
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            fail(f"'{' '.join(map(str, command))}' failed:\n{done.stdout[-3000:]}")
        return done.stdout

    def weaken(self, edge):
        path = self.sources / edge["file"]
        text = path.read_text()
        if text.count(edge["old"]) != 1:
            fail(f"{edge['name']}: the text is {text.count(edge['old'])} times in {edge['file']}, not once:\n{edge['old']}")
        path.write_text(text.replace(edge["old"], edge["new"]))
        return path, text

    def run_scenario(self, edge):
        program = f"model.{edge['program']}"
        self.run(["cmake", "--build", self.build, "--target", program])
        done = subprocess.run([self.build / "tests/model" / program, "--json", "--seconds", str(SECONDS), edge["scenario"]],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if not done.stdout.strip():
            fail(f"{edge['name']}: {program} says nothing of {edge['scenario']}: {done.stderr.strip()}")
        return json.loads(done.stdout.splitlines()[0])

    def try_edge(self, edge):
        """What the scenario finds, or None if it notices nothing."""
        path, text = self.weaken(edge)
        try:
            result = self.run_scenario(edge)
            if "outcomes" in edge and result["end"] == "complete" and not result["passed"]:
                return "outcomes"
            return result["end"] if result["end"] in FINDINGS else None
        finally:
            path.write_text(text)
            os.utime(path)

    def check_unweakened(self, edges):
        """A scenario that is red anyhow proves nothing."""
        for edge in {(edge["program"], edge["scenario"]): edge for edge in edges}.values():
            if not self.run_scenario(edge)["passed"]:
                fail(f"{edge['program']}: {edge['scenario']} is red without any weakening")


def main():
    options = parse(sys.argv[1:])
    edges = read_edges(options["names"])
    if options["list"]:
        for edge in edges:
            print(f"{edge['name']:<44} {edge['file']}")
        return 0
    unnoticed = 0
    with tempfile.TemporaryDirectory() as temporary:
        copy = Copy(options["source"], options["build"] or pathlib.Path(temporary), read_edges([]))
        copy.check_unweakened(edges)
        for number, edge in enumerate(edges, 1):
            started = time.monotonic()
            verdict = copy.try_edge(edge)
            unnoticed += verdict is None
            if options["json"]:
                print(json.dumps({"edge": edge["name"], "scenario": f"{edge['program']}: {edge['scenario']}", "verdict": verdict}))
            else:
                print(f"{number:3}/{len(edges)}  {edge['name']:<44} {verdict or 'NOT NOTICED':<14} "
                      f"by {edge['program']}: {edge['scenario']} ({time.monotonic() - started:.1f} s)", flush=True)
    if not options["json"]:
        print(f"{len(edges)} edges weakened, {unnoticed} not noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
