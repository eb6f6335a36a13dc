"""Plans networks with shared inputs and prints tables of what came of it; run by benches/fanout.sh."""

import json
import os
import resource
import subprocess
import sys

KINDS = "column", "root", "2", "cell"
# Core rows that share an input. The root of 64 is 8, and so on.
FANOUTS = {"64x64": {"column": 64, "root": 8, "2": 2, "cell": 1}, "16x16": {"column": 16, "root": 4, "2": 2, "cell": 1},
           "9x9": {"column": 9, "root": 3, "cell": 1}}
HEADS = {"column": "R", "root": "root of R", "2": "2", "cell": "cell"}

effort, *networks = sys.argv[1:]
gathered = f"target/fanout-{effort}.jsonl"
for network in networks:
    name = os.path.basename(network).removesuffix(".safetensors")
    path = "target/vgg8.safetensors" if name == "vgg8" else network
    for kind in os.environ.get("FANOUTS", " ".join(KINDS)).split():
        for core, fanouts in FANOUTS.items():
            for reach in ("lane", "row") if kind in fanouts else ():
                before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
                out = f"target/fanout-{os.getpid()}.elight"
                run = subprocess.run(
                    ["target/release/elight-plan", path, "--core", core, "--fanout", str(fanouts[kind]), "--reach", reach, "--effort", effort,
                     "--scale", "layer" if name == "vgg8" else "row", "--threads", "1", "--no-verify", "--json", "-o", out],
                    stdout=subprocess.PIPE, check=True)
                seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
                os.remove(out)
                r = json.loads(run.stdout)
                natural, optimal = (r["orders"][o]["per_inference"]["writes"] for o in ("natural", "optimal"))
                line = {"network": name, "core": core, "fanout": kind, "reach": reach, "factor": natural / optimal if optimal else None, "gap": r["gap"],
                        "microseconds": 1e6 * seconds / r["weights"], "bits": r["schedule"]["bits_per_weight"]}
                with open(gathered, "a") as file:
                    file.write(json.dumps(line) + "\n")
                print(line, file=sys.stderr, flush=True)

runs = {}
for line in open(gathered):
    run = json.loads(line)
    runs[run["network"], run["core"], run["fanout"], run["reach"]] = run


def table(title, cell):
    print(f"\n{title}\n")
    columns = [(kind, reach) for kind in KINDS for reach in ("lane", "row")]
    print("| network | core | " + " | ".join(f"{HEADS[kind]}, {reach}" for kind, reach in columns) + " |")
    print("|" + "---|" * (2 + len(columns)))
    for network in dict.fromkeys(key[0] for key in runs):
        for core in FANOUTS:
            found = [runs.get((network, core, kind, reach)) for kind, reach in columns]
            if any(found):
                print(f"| {network} | {core} | " + " | ".join(cell(run) if run else "" for run in found) + " |")


def ordered(run):
    gap = "-" if run["gap"] is None else f"{100 * run['gap']:.{2 if run['gap'] < 0.1 else 0}f} %"
    if run["factor"] is None:
        return "nothing to write"
    return f"{run['factor']:.{2 if run['factor'] < 100 else 0}f} ({gap})"


table("Factor over natural, and gap to the bound:", ordered)
table("Processor time, microseconds a weight:", lambda run: f"{run['microseconds']:.2f}")
table("Schedule, bits a weight:", lambda run: f"{run['bits']:.2f}")
