#!/usr/bin/env python3
"""Runs bench_notification_latency --quick --json and checks what it says, never how fast it was.

Usage: notification_latency_test.py PROGRAM
"""
import json
import subprocess
import sys

KEYS = {"case", "unit", "median", "mad", "p50", "p90", "p99", "p999", "max", "n", "baseline",
        "ratio"}
TAILS = ("p50", "p90", "p99", "p999", "max")
BASELINES = {"direct": "raw-eventfd", "direct-busy": "raw-spin", "socket": "raw-socket",
             "raw-eventfd": None, "raw-spin": None, "raw-socket": None}


def check(holds, what):
    if not holds:
        sys.exit(f"failed: {what}")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_ratio(found, baseline):
    check(found["baseline"] == baseline, f"baseline of {found['case']} is {baseline}")
    if baseline is None:
        check(found["ratio"] is None, f"{found['case']} has no ratio")
    else:
        check(is_number(found["ratio"]) and found["ratio"] > 0, f"{found['case']} has a ratio")


def check_latency(found):
    name = found["case"]
    check(found["unit"] == "us", f"{name} is in us")
    check(found["n"] == 400, f"{name} has every sample of two rounds of 200")
    figures = [found[key] for key in TAILS]
    check(all(is_number(each) and each > 0 for each in figures), f"{name} has its percentiles")
    check(figures == sorted(figures), f"the percentiles of {name} rise")


def check_rate(found):
    name = found["case"]
    check(found["unit"] == "changes/s", f"{name} is in changes/s")
    check(found["n"] == 2, f"{name} has one figure a round")
    check(all(found[key] is None for key in TAILS), f"{name} has no percentiles")


def main(program):
    ran = subprocess.run([program, "--quick", "--json"], stdout=subprocess.PIPE, timeout=100)
    check(ran.returncode == 0, f"exit code {ran.returncode} is 0")
    machine, *found = json.loads(ran.stdout)

    check(machine["case"] == "machine", "the first object is the machine's")
    for key in ("cpu", "kernel", "commit"):
        check(isinstance(machine[key], str) and machine[key], f"the machine has its {key}")

    cases = {each["case"]: each for each in found}
    flat = [f"{name}-flat" for name in BASELINES]
    check([each["case"] for each in found] == [*BASELINES, *flat], "the cases, each once")
    for each in found:
        check(set(each) == KEYS, f"{each['case']} has the keys of every bench")
        check(is_number(each["median"]) and each["median"] > 0, f"{each['case']} has a median")
        check(is_number(each["mad"]) and each["mad"] >= 0, f"{each['case']} has a mad")
    for name, baseline in BASELINES.items():
        check_latency(cases[name])
        check_ratio(cases[name], baseline)
        check_rate(cases[f"{name}-flat"])
        check_ratio(cases[f"{name}-flat"], baseline and f"{baseline}-flat")


main(*sys.argv[1:])
