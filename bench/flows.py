"""Speed of continuous flows, side by side: `python -m bench.flows [CASE ...] [--again]`.

`bench/rivals.sh flowjax distrax zuko nflows` makes the rivals' environments first (once). All
engines fit the same rows with the same architecture: rational-quadratic splines of 8 bins on
[-5, 5], as many layers as the case says, each with two hidden layers, Adam, float32. Each runs in
a process of its own. With one thread the process is pinned to one core and the clock is its
processor time, which a busy machine distorts less; with two the clock is the wall's. The best of
several runs counts, what the first one took beyond that is compile time. No XLA flag is set, except
that 'two devices' splits the processor in two (`--xla_force_host_platform_device_count=2`).

Columns: rows per second of a whole fit, of `log_prob` and of `sample`, the ratio to flowjax of
each, and seconds of compile time of all three. Results are kept in bench/.results; `--again`
prints them without another run. All cases take about twenty minutes.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / ".results" / "flows.jsonl"
BIG = {"n": 10_240, "batch": 512, "hidden": 128, "depth": 5, "epochs": 2, "held_out": 0.05}
SMALL = {"n": 1_024, "batch": 64, "hidden": 64, "depth": 4, "epochs": 20, "held_out": 0.0625}
DRAWN = {"drawn": 20_480, "drawn_by_rivals": 20_480, "repeats": 2}
SLOW = {"drawn": 20_480, "drawn_by_rivals": 2_048, "repeats": 2}
CASES = {
    "coupling-8": {"kind": "coupling", "d": 8, "threads": 1, **BIG, **DRAWN},
    "coupling-32": {"kind": "coupling", "d": 32, "threads": 1, **BIG, **DRAWN},
    "autoregressive-8": {"kind": "autoregressive", "d": 8, "threads": 1, **BIG, **SLOW},
    "autoregressive-32": {"kind": "autoregressive", "d": 32, "threads": 1, **BIG, **SLOW},
    "small-16": {"kind": "coupling", "d": 16, "threads": 1, **SMALL, **DRAWN},
    "coupling-32-2": {"kind": "coupling", "d": 32, "threads": 2, **BIG, **DRAWN},
    "autoregressive-32-2": {"kind": "autoregressive", "d": 32, "threads": 2, **BIG, **SLOW},
}
ENGINES = ("synthema", "flowjax", "distrax", "zuko", "nflows")


def engines(case):
    """distrax has no autoregressive bijector; two threads are for the fastest."""
    if case["threads"] == 2:
        return ("synthema_2_devices", "synthema", "flowjax")
    return [e for e in ENGINES if case["kind"] == "coupling" or e != "distrax"]


def measure(engine, case):
    ours = engine.startswith("synthema")
    python = sys.executable if ours else HERE / ".rivals" / engine / "bin" / "python"
    threads = str(case["threads"])
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE.parent / "kernels")] * ours),
    }
    if engine == "synthema_2_devices":
        environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    cores = sorted(os.sched_getaffinity(0))[-case["threads"] :]
    command = ["taskset", "-c", ",".join(map(str, cores)), str(python)]
    command += [str(HERE / "flow_engines.py"), engine, json.dumps(case)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{engine}: {done.stderr[-1500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def shown(name, results):
    case = CASES[name]
    print(
        f"\n### {case['kind']}, d = {case['d']}, n = {case['n']:,}, batch {case['batch']}, ", end=""
    )
    print(f"{case['depth']} layers, hidden {case['hidden']} x 2, {case['threads']} thread(s)\n")
    print("| | train | log_prob | sample | compile, s |\n| --- | --- | --- | --- | --- |")
    base = results["flowjax"]
    for engine, got in results.items():
        cells = [
            f"{got[what]:,.0f} ({got[what] / base[what]:.1f}×)"
            for what in ("train", "log_prob", "sample")
        ]
        first = sum(got[f"{what}_compile"] for what in ("train", "log_prob", "sample"))
        title = f"**{engine.replace('_', ', ')}**" if engine.startswith("synthema") else engine
        print(f"| {title} | {' | '.join(cells)} | {first:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--engines", nargs="+", metavar="ENGINE", help="only these")
    parser.add_argument("--again", action="store_true", help="print what was measured")
    options = parser.parse_args()
    unknown = set(options.cases) - set(CASES)
    if unknown:
        parser.error(f"unknown case {', '.join(sorted(unknown))}: expected of {', '.join(CASES)}")
    RESULTS.parent.mkdir(exist_ok=True)
    if not options.again:
        for name in options.cases or CASES:
            for engine in options.engines or engines(CASES[name]):
                print(f"{name}: {engine} …", file=sys.stderr)
                got = {"case": name, "engine": engine, **measure(engine, CASES[name])}
                got["at"] = datetime.now(UTC).isoformat(timespec="seconds")
                with RESULTS.open("a") as file:
                    file.write(json.dumps(got) + "\n")
    kept = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    versions = {}
    for name in options.cases or CASES:
        latest = {line["engine"]: line for line in kept if line["case"] == name}
        for engine in latest:
            versions |= latest[engine]["versions"]
        if latest:
            shown(name, {e: latest[e] for e in engines(CASES[name]) if e in latest})
    print(
        f"\n{platform.processor() or platform.machine()}, Python {platform.python_version()}, ",
        end="",
    )
    print(", ".join(f"{package} {number}" for package, number in sorted(versions.items())))


if __name__ == "__main__":
    main()
