#!/usr/bin/env python3
"""Runs bench_http_throughput --quick --json and checks what it says, never how fast it was.

Usage: http_throughput_test.py PROGRAM
What is not installed may be missing: then its cases are, the ratios to them, and the aims.
"""
import json
import os
import subprocess
import sys

KEYS = {"case", "unit", "median", "mad", "p50", "p90", "p99", "p999", "max", "n", "baseline",
        "ratio"}
TAILS = ("p50", "p90", "p99", "p999", "max")

ALL = ("hello", "counter", "session")
SERVERS = {"covey": ALL, "epoll": ALL, "beast": ("hello",), "nginx": ("hello",), "lua": ALL,
           "node": ALL}
OURS = ("covey", "epoll", "beast")
INTERPRETED = ("node",)
HELD_IDLE = ("covey", "nginx")
WAYS = ("c64", "c256", "p16")
OPEN_SAMPLES = 100  # 1,000 a second for 100 ms
AIMS = {"aim-instructions-epoll": ("epoll", "instructions"),
        "aim-instructions-nginx": ("nginx", "instructions"), "aim-steps": (),
        "aim-syscalls": ("epoll", "wrk", "strace"), "aim-rate": ("nginx", "wrk"),
        "aim-counter-cpu": ("lua", "wrk"), "aim-counter-redis": ("node", "wrk"),
        "aim-idle-p99": (), "aim-idle-memory": ()}


def check(holds, what):
    if not holds:
        sys.exit(f"failed: {what}")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def run(program, *words, **settings):
    ran = subprocess.run([program, "--quick", *words], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=280, **settings)
    check(ran.returncode == 0, f"exit code {ran.returncode} is 0; said: {ran.stderr}")
    return ran


def missing_of(said):
    """What the bench says it does without: servers, wrk, strace, instructions."""
    out = [line.split(":")[0] for line in said.splitlines() if line.endswith("; left out")]
    for name, words in {"wrk": "wrk is not installed", "strace": "strace is not installed",
                        "instructions": "instructions of the kernel cannot be counted"}.items():
        if words in said:
            out.append(name)
    return out


def cases_of(server, errand, missing):
    """name: (unit, samples; None: one figure a round)"""
    out = {}
    native = server not in INTERPRETED
    if native:
        out["steps"] = ("instr/req", None)
    if "wrk" not in missing:
        if "strace" not in missing:
            out["syscalls"] = ("calls/req", None)
        for way in WAYS:
            out[way] = ("req/s", None)
            out[f"{way}-cpu"] = ("us/req", None)
        if "instructions" not in missing:
            for what in ("user", "kernel", "instructions"):
                out[what] = ("instr/req", None)
    out["short"] = ("conn/s", None)
    out["short-cpu"] = ("us/conn", None)
    out["open"] = ("us", OPEN_SAMPLES)
    out["open-p99"] = ("us", None)
    if server in HELD_IDLE and errand == "hello":
        out["idle"] = ("us", OPEN_SAMPLES)
        out["idle-p99"] = ("us", None)
        out["idle-memory"] = ("B/conn", None)
    return {f"{server}-{errand}-{case}": figures for case, figures in out.items()}


def baseline_of(name):
    server, errand, case = name.split("-", 2)
    if case in ("idle", "idle-p99"):
        return f"{server}-{errand}-{case.replace('idle', 'open')}"
    if server == "epoll" or case == "idle-memory":
        return None
    return f"epoll-{errand}-{case}"


def check_case(found, unit, samples, baseline):
    name = found["case"]
    check(set(found) == KEYS, f"{name} has the keys of every bench")
    check(found["unit"] == unit, f"{name} is in {unit}, not {found['unit']}")
    check(is_number(found["median"]) and found["median"] > 0, f"{name} has a median")
    check(is_number(found["mad"]) and found["mad"] >= 0, f"{name} has a mad")
    check(found["baseline"] == baseline, f"the baseline of {name} is {baseline}")
    check(baseline is None or found["ratio"] > 0, f"{name} has a ratio if it has a baseline")
    if samples is None:
        check(found["n"] == 1, f"{name} has one figure in one round")
        check(all(found[key] is None for key in TAILS), f"{name} has no percentiles")
        return
    check(found["n"] == samples, f"{name} has {samples} samples")
    figures = [found[key] for key in TAILS]
    check(all(is_number(each) and each > 0 for each in figures), f"{name} has its percentiles")
    check(figures == sorted(figures), f"the percentiles of {name} rise")


def check_all(program, *words, **settings):
    ran = run(program, "--json", *words, **settings)
    machine, *found = json.loads(ran.stdout)
    check(machine["case"] == "machine", "the first object is the machine's")
    cases = {each["case"]: each for each in found}
    check(len(cases) == len(found), "no case comes twice")

    missing = missing_of(ran.stderr)
    check(not set(missing) & set(OURS), f"only others can be missing, and not {missing}")
    expected = {}
    for errand in ALL:
        for server, errands in SERVERS.items():
            if server not in missing and errand in errands:
                expected.update(cases_of(server, errand, missing))
    aims = [name for name, needs in AIMS.items() if not set(needs) & set(missing)]
    check(set(cases) == {*expected, *aims},
          f"the cases are all there: {set(cases) ^ {*expected, *aims}}")
    for name, (unit, samples) in expected.items():
        check_case(cases[name], unit, samples, baseline_of(name))
    for name in aims:
        check(cases[name]["median"] > 0, f"{name} is measured")
    check_instructions(cases, is_optimised=machine["build"] in ("Release", "RelWithDebInfo"))


def check_instructions(cases, is_optimised):
    """What is counted one by one does not depend on the machine: the order is known."""
    steps = {server: cases[f"{server}-hello-steps"]["median"] for server in OURS}
    check(100 < steps["epoll"] < steps["covey"], f"covey's are more than the floor's: {steps}")
    if is_optimised:  # naive Beast always is
        check(steps["covey"] < steps["beast"], f"and below naive Beast's: {steps}")


def check_without_others(program):
    ran = run(program, "--errand", "hello", env={**os.environ, "PATH": "/nonexistent"})
    check("wrk" in missing_of(ran.stderr), "it says that wrk is missing")
    check("calls of the kernel" in ran.stderr, "it says how those are counted, if they are")
    lines = ran.stdout.splitlines()
    check(any(line.startswith("covey-hello") for line in lines), "it measures what is ours")
    verdicts = [line for line in lines if line.startswith("aim-")]
    check(verdicts and all(line.endswith((": won", ": lost")) for line in verdicts),
          "every aim is said to be won or lost")


def check_wrong_name(program):
    for words in (("--only", "nobody"), ("--errand", "nobody")):
        ran = subprocess.run([program, "--quick", *words], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, timeout=60)
        check(ran.returncode != 0 and "nobody" in ran.stderr, f"{words} is refused")


check_wrong_name(sys.argv[1])
check_without_others(sys.argv[1])
check_all(sys.argv[1])
