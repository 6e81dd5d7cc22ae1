#!/usr/bin/env python3
"""Runs bench_dispatch_cost --quick --json and checks what it says, never how fast it was.

Usage: dispatch_cost_test.py PROGRAM
The peers, nginx and node, may be missing: then their cases are, and the ratios to them.
"""
import json
import os
import subprocess
import sys

KEYS = {"case", "unit", "median", "mad", "p50", "p90", "p99", "p999", "max", "n", "baseline",
        "ratio"}
TAILS = ("p50", "p90", "p99", "p999", "max")
ROUNDS = 2
KILLS = 2
WORKERS = 2

# Of each lane: connections a second, and the same with "-first" and "-cpu".
LANES = {"reuseport": "nginx-reuseport", "shared": "nginx-shared", "least_loaded": "reuseport",
         "round_robin": "node-round_robin", "hash": "least_loaded",
         "nginx-reuseport": None, "nginx-shared": None,
         "node-round_robin": None, "node-none": None}
# name: unit, baseline, samples; None: no samples but one figure a round
TRIALS = {"pass-covey": ("handles/s", "pass-raw", None),
          "pass-node": ("handles/s", "pass-raw", None),
          "pass-raw": ("handles/s", None, None),
          "respawn-covey": ("us", "respawn-bare", ROUNDS * KILLS),
          "respawn-bare": ("us", None, ROUNDS * KILLS),
          "memory-covey": ("KiB", "memory-nginx", ROUNDS * WORKERS),
          "memory-nginx": ("KiB", None, ROUNDS * WORKERS),
          "memory-node": ("KiB", None, ROUNDS * WORKERS)}
AIMS = {"aim-reuseport": "nginx", "aim-least_loaded": None, "aim-node": "node",
        "aim-handles": "node", "aim-respawn": None}


def check(holds, what):
    if not holds:
        sys.exit(f"failed: {what}")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def run(program, *words, **settings):
    ran = subprocess.run([program, "--quick", "--json", *words], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=200, **settings)
    check(ran.returncode == 0, f"exit code {ran.returncode} is 0; said: {ran.stderr}")
    return ran


def is_here(peer):
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    return any(os.access(f"{folder}/{peer}", os.X_OK) for folder in path.split(":"))


def check_case(found, unit, baseline, samples):
    name = found["case"]
    check(set(found) == KEYS, f"{name} has the keys of every bench")
    check(found["unit"] == unit, f"{name} is in {unit}")
    check(is_number(found["median"]) and found["median"] > 0, f"{name} has a median")
    check(is_number(found["mad"]) and found["mad"] >= 0, f"{name} has a mad")
    check(found["baseline"] == baseline, f"the baseline of {name} is {baseline}")
    check(baseline is None or found["ratio"] > 0, f"{name} has a ratio if it has a baseline")
    if samples is None:
        check(all(found[key] is None for key in TAILS), f"{name} has no percentiles")
        return
    check(found["n"] == samples or samples == "some", f"{name} has {samples} samples")
    figures = [found[key] for key in TAILS]
    check(all(is_number(each) and each > 0 for each in figures), f"{name} has its percentiles")
    check(figures == sorted(figures), f"the percentiles of {name} rise")


def check_all(program):
    machine, *found = json.loads(run(program).stdout)
    check(machine["case"] == "machine", "the first object is the machine's")
    cases = {each["case"]: each for each in found}
    check(len(cases) == len(found), "no case comes twice")

    missing = [peer for peer in ("nginx", "node") if not is_here(peer)]

    def here(name):
        return name is not None and not any(peer in name for peer in missing)

    expected = [lane + part for lane in LANES if here(lane) for part in ("", "-first", "-cpu")]
    expected += [name for name in TRIALS if here(name)]
    expected += [name for name, peer in AIMS.items() if peer not in missing]
    check(list(cases) == expected, f"the cases are {expected}, and not {list(cases)}")

    for lane, baseline in LANES.items():
        if not here(lane):
            continue
        for part, unit, samples in (("", "conn/s", None), ("-first", "us", "some"),
                                    ("-cpu", "us/conn", None)):
            against = baseline + part if here(baseline) else None
            check_case(cases[lane + part], unit, against, samples)
    for name, (unit, baseline, samples) in TRIALS.items():
        if here(name):
            check_case(cases[name], unit, baseline if here(baseline) else None, samples)
    for name, peer in AIMS.items():
        if peer not in missing:
            check_case(cases[name], "x", None, None)


def check_choice_without_peers(program):
    ran = run(program, "--only", "pass-raw", "--only", "pass-node",
              env={**os.environ, "PATH": "/nonexistent"})
    _, *found = json.loads(ran.stdout)
    check([each["case"] for each in found] == ["pass-raw"], "only what was asked for is measured")
    check("pass-node: node is not installed; left out" in ran.stderr, "it says what is missing")


def check_wrong_name(program):
    ran = subprocess.run([program, "--quick", "--only", "nobody"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, timeout=60)
    check(ran.returncode != 0 and "nobody" in ran.stderr, "a case that does not exist is refused")


check_wrong_name(sys.argv[1])
check_choice_without_peers(sys.argv[1])
check_all(sys.argv[1])
