#!/usr/bin/env python3
"""Runs bench_notification_latency --quick and checks what it says, never how fast it was.

Usage: notification_latency_test.py PROGRAM
"""
import json
import os
import subprocess
import sys
import tempfile

KEYS = {"case", "unit", "median", "mad", "p50", "p90", "p99", "p999", "max", "n", "baseline",
        "ratio"}
MORE = {"p9999", "events", "conflated", "resyncs", "sleeps_per_event", "sender_syscalls",
        "receiver_syscalls"}
TAILS = ("p50", "p90", "p99", "p999", "p9999", "max")
SAMPLES = 200  # two rounds of 0.1 s at 1000 a second
# Lanes and what each is compared with.
OURS = {"direct": "raw-eventfd", "direct-busy": "raw-spin", "direct-http": "direct",
        "socket": "raw-socket", "raw-spin": None, "raw-eventfd": None, "futex": "raw-eventfd",
        "pipe": "raw-eventfd", "unix": "raw-eventfd", "raw-socket": None}
PEERS = {"redis-pubsub": "direct", "redis-stream": "direct", "postgres": "direct",
         "node": "direct", "shared_dict": "direct"}
NOT_FLAT = {"direct-http", "shared_dict"}
TRACED = ("direct", "raw-eventfd")


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


def check_latency(found, samples=SAMPLES):
    name = found["case"]
    check(found["unit"] in ("us", "ns"), f"{name} is in us or ns")
    if samples is not None:
        check(found["n"] == samples, f"{name} has every sample: {found['n']} of {samples}")
    figures = [found[key] for key in TAILS]
    check(all(is_number(each) and each > 0 for each in figures), f"{name} has its percentiles")
    check(figures == sorted(figures), f"the percentiles of {name} rise")


def check_rate(found):
    name = found["case"]
    check(found["unit"] == "changes/s", f"{name} is in changes/s")
    check(found["n"] == 2, f"{name} has one figure a round")
    check(all(found[key] is None for key in TAILS), f"{name} has no percentiles")


def check_every_change_was_told(found, conflates=False):
    name = found["case"]
    check(found["resyncs"] == 0, f"nobody was lapped: {name}")
    told = found["events"] + (found["conflated"] if conflates else 0)
    check(conflates or found["conflated"] == 0, f"nothing was folded: {name}")
    check(found["unit"] != "us" or told == SAMPLES, f"every change was told: {name}")


def check_machine(machine):
    check(machine["case"] == "machine", "the first object is the machine's")
    for key in ("cpu", "kernel", "commit"):
        check(isinstance(machine[key], str) and machine[key], f"the machine has its {key}")
    for key in ("clock_read_ns", "clock_resolution_ns", "sender_late_p50_ns"):
        check(machine[key] > 0, f"the clock's {key}")
    check(machine["noisy"] in (0, 1), "a run is noisy or it is not")
    noisy = machine["steal_percent"] > 5 or machine["others_percent"] > 10
    check(machine["noisy"] == int(noisy), "a noisy run is called so, and no other")


def check_lanes(cases, complaints):
    for name, baseline in {**OURS, **PEERS}.items():
        paced, flat = f"{name}@1000", f"{name}@max"
        if name in PEERS and paced not in cases:
            check(f"without {name}: not here: " in complaints, f"{name} is named as missing")
            continue
        folds = name == "shared_dict"
        check_latency(cases[paced], None if folds else SAMPLES)
        check_ratio(cases[paced], baseline and f"{baseline}@1000")
        check_every_change_was_told(cases[paced], folds)
        check((flat in cases) == (name not in NOT_FLAT), f"whether {name} runs flat out")
        if flat in cases:
            check_rate(cases[flat])
            check_ratio(cases[flat], baseline and f"{baseline}@max")
            check_every_change_was_told(cases[flat])
    for name in ("direct@1000", "raw-eventfd@1000"):
        check(is_number(cases[name]["sleeps_per_event"]), f"how often receivers of {name} sleep")


def check_fan_out(cases):
    for receivers in (1, 2):
        for kind in ("", "raw-"):
            told, writer = (cases[f"{kind}{of}-{receivers}"] for of in ("fan-out", "writer"))
            check_latency(told, 20)  # two rounds of 0.1 s at 100 a second
            check(told["events"] == 20 * receivers, f"each of {receivers} was told of each change")
            check_latency(writer, 20)
            check(writer["unit"] == "ns", "a writer's cost is in ns")
        check_ratio(cases[f"fan-out-{receivers}"], f"raw-fan-out-{receivers}")
        check_ratio(cases[f"writer-{receivers}"], f"raw-writer-{receivers}")


def check_counts(cases, complaints):
    if "without system calls: not here: " in complaints:
        return
    for name in TRACED:
        found = cases[f"{name}@1000"]
        for side in ("sender_syscalls", "receiver_syscalls"):
            check(is_number(found[side]), f"{side} of {name}")
    check(cases["raw-eventfd@1000"]["sender_syscalls"] >= 1, "a write of an eventfd a change")


def check_hgrm(folder, cases):
    with open(os.path.join(folder, "hgrm", "direct@1000.hgrm"), encoding="ascii") as file:
        lines = file.read().splitlines()
    check(lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"],
          "the head of a percentile file")
    rows = [[float(each) for each in line.split()] for line in lines[2:] if line[0] != "#"]
    check(rows == sorted(rows), "a percentile file's rows rise")
    check(rows[-1][1:] == [1.0, SAMPLES], "it ends with all samples")
    check(abs(rows[-1][0] - cases["direct@1000"]["max"]) < 0.002, "and with the highest one")
    check(lines[-1].startswith("#[Buckets"), "the foot of a percentile file")


def check_plot(folder, complaints):
    if "without a plot: not here: " in complaints:
        return
    with open(os.path.join(folder, "percentiles.svg"), encoding="utf-8") as file:
        picture = file.read()
    check(picture.startswith("<?xml") and "</svg>" in picture, "the plot is an SVG")
    check("direct@1000" in picture and "raw-eventfd@1000" in picture, "it has the lanes' names")


def check_refusals(program):
    for words in (["--rates", "often"], ["--rates", "0"], ["--payloads", "9"],
                  ["--only", "pigeon"]):
        ran = subprocess.run([program, *words], capture_output=True, timeout=60)
        said = (ran.stdout + ran.stderr).decode()
        check(ran.returncode != 0 and words[0] in said and words[1] in said,
              f"{words} is refused by name: {said}")


def main(program):
    check_refusals(program)
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run([program, "--quick", "--json", "--out", folder], timeout=400,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        complaints = ran.stderr.decode()
        print(complaints, file=sys.stderr)
        check(ran.returncode == 0, f"exit code {ran.returncode} is 0")
        machine, *found = json.loads(ran.stdout)
        check_machine(machine)
        for each in found:
            check(set(each) - MORE == KEYS, f"{each['case']} has the keys of every bench")
            check(is_number(each["median"]) and each["median"] > 0, f"{each['case']} has a median")
            check(is_number(each["mad"]) and each["mad"] >= 0, f"{each['case']} has a mad")
        cases = {each["case"]: each for each in found}
        check(len(cases) == len(found), "the cases, each once")
        check_latency(cases["clock-null"], 40_000)
        check_latency(cases["direct-busy@1000-in-hand"])
        check_lanes(cases, complaints)
        check_fan_out(cases)
        check_counts(cases, complaints)
        check("aim-asleep" in cases and cases["aim-asleep"]["unit"] == "x", "the aims")
        check_hgrm(folder, cases)
        check_plot(folder, complaints)
        with open(os.path.join(folder, "notification.json"), encoding="utf-8") as file:
            check(json.load(file) == [machine, *found], "the file has the same")
        with open(os.path.join(folder, "notification.md"), encoding="utf-8") as file:
            check("| `direct@1000` |" in file.read(), "the table for documentation")


main(*sys.argv[1:])
