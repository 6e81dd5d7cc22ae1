#!/usr/bin/env python3
"""Runs bench_state_throughput --quick --json and checks what it says, never how fast it was.

Usage: state_throughput_test.py PROGRAM
A store that is not installed may be missing: then its cases are, and the aims it is part of.
"""
import json
import os
import subprocess
import sys

KEYS = {"case", "unit", "median", "mad", "p50", "p90", "p99", "p999", "max", "n", "baseline",
        "ratio"}
TAILS = ("p50", "p90", "p99", "p999", "max")

ALWAYS = ("covey", "table", "unordered_map", "interprocess")
PEERS = ("lmdb", "shared_dict", "apcu", "redis")
ONE_PROCESS = ("unordered_map",)
MIXES = ("get", "95", "50", "put")
KINDS = ("counter-add", "counter-get", "gauge-add", "maximum-record", "histogram-record",
         "rate_limiter-take", "lock-hold", "leader-run", "value-get", "value-put", "value-update",
         "map-put-erase", "atomic-add")
AIMS = {"aim-get": None, "aim-get-large": None, "aim-flat": None, "aim-flat-large": None,
        "aim-put": None, "aim-put-large": None, "aim-shared_dict": "shared_dict",
        "aim-shared_dict-put": "shared_dict", "aim-shared_dict-x2": "shared_dict",
        "aim-shared_dict-put-x2": "shared_dict", "aim-counter": None}


def check(holds, what):
    if not holds:
        sys.exit(f"failed: {what}")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def run(program, *words, **settings):
    ran = subprocess.run([program, "--quick", *words], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=200, **settings)
    check(ran.returncode == 0, f"exit code {ran.returncode} is 0; said: {ran.stderr}")
    return ran


def left_out(said):
    return [line.split(":")[0] for line in said.splitlines() if line.endswith("left out")]


def expected_cases(stores):
    out = {}
    for size in ("", "-large"):
        for processes in ("", "-x2"):
            for mix in MIXES:
                for store in stores:
                    if processes and store in ONE_PROCESS:
                        continue
                    what = f"-{mix}{processes}{size}"
                    out[store + what] = None if store == "table" else "table" + what
    for processes in ("", "-x2"):
        for kind in KINDS:
            base = "atomic-add" + processes
            out[kind + processes] = None if kind == "atomic-add" else base
    return out


def check_case(found, baseline):
    name = found["case"]
    check(set(found) == KEYS, f"{name} has the keys of every bench")
    check(found["unit"] == "ns", f"{name} is in ns")
    check(is_number(found["median"]) and found["median"] > 0, f"{name} has a median")
    check(is_number(found["mad"]) and found["mad"] >= 0, f"{name} has a mad")
    check(found["n"] >= 2, f"{name} has a sample a round")
    check(found["baseline"] == baseline, f"the baseline of {name} is {baseline}")
    check(baseline is None or found["ratio"] > 0, f"{name} has a ratio if it has a baseline")
    figures = [found[key] for key in TAILS if found[key] is not None]
    check(figures == sorted(figures), f"the percentiles of {name} rise")


def check_all(program):
    ran = run(program, "--json")
    machine, *found = json.loads(ran.stdout)
    check(machine["case"] == "machine", "the first object is the machine's")
    cases = {each["case"]: each for each in found}
    check(len(cases) == len(found), "no case comes twice")

    missing = left_out(ran.stderr)
    check(set(missing) <= set(PEERS), f"only peers can be missing, and not {missing}")
    stores = ALWAYS + tuple(peer for peer in PEERS if peer not in missing)
    expected = expected_cases(stores)
    aims = [name for name, peer in AIMS.items() if peer not in missing]
    check(list(cases) == [*expected, *aims], "the cases are all there, in order")
    for name, baseline in expected.items():
        check_case(cases[name], baseline)
    for name in aims:
        check(cases[name]["unit"] == "x" and cases[name]["median"] > 0, f"{name} is a quotient")


def check_without_peers(program):
    ran = run(program, "--only", "covey", "--only", "table", "--only", "redis",
              env={**os.environ, "PATH": "/nonexistent"})
    check("redis: redis-server is not installed; left out" in ran.stderr, "it says what is missing")
    lines = ran.stdout.splitlines()
    verdicts = [line for line in lines if line.startswith("aim-") and ": covey" in line]
    check(verdicts and all(line.endswith((": won", ": lost")) for line in verdicts),
          "every aim is said to be won or lost")
    check(not any(line.startswith(("redis", "apcu", "value")) for line in lines),
          "only what was asked for is measured")


def check_wrong_name(program):
    ran = subprocess.run([program, "--quick", "--only", "nobody"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=60)
    check(ran.returncode != 0 and "nobody" in ran.stderr, "a store that does not exist is refused")


check_wrong_name(sys.argv[1])
check_without_peers(sys.argv[1])
check_all(sys.argv[1])
