"""The rows of benches/paper.sh: runs the programs, keeps their figures as JSON, writes tables into docs/results.md."""

import json
import random
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROW, OUT, BIN = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
RESULTS = Path("docs/results.md")
DIGITS = "configs/digits-mlp.toml"
SEEDS = (1, 2, 3)


def run(program, *args):
    command = [str(BIN / program), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def kept(path, make):
    """The JSON in `path`, made when it is not there."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        text = make()
        part = path.with_suffix(".part")
        part.write_text(text)
        part.rename(path)
    return json.loads(path.read_text())


def trained(name, seed, *sets):
    """The weights after the last epoch of a run on the digits, and its accuracy."""
    folder = OUT / f"{name}-{seed}"
    if not (folder / "last.safetensors").exists() or not (folder / "done").exists():
        sets = (f"train.seed={seed}", f"train.out={folder}", "data.validation=0", *sets)
        run("elight-train", "train", DIGITS, *[a for s in sets for a in ("--set", s)], "--for", "10h")
        (folder / "done").write_text("")
    last = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()][-1]
    return folder / "last.safetensors", 100 * last["test_accuracy"]


def planned(weights, name, *options):
    schedule = weights.parent / f"{name}.elight"
    make = lambda: run("elight-plan", weights, "--json", "-o", schedule, *options)
    return kept(weights.parent / f"{name}.json", make), schedule


def simulated(schedule, weights, name, *options):
    make = lambda: run("elight-sim", schedule, "--weights", weights, "--json", "--quiet", "--layer-images", 0, *options)
    return kept(weights.parent / f"{name}.sim.json", make)


def spread(values, digits):
    mean = statistics.mean(values)
    if len(values) == 1:
        return f"{mean:,.{digits}f}"
    return f"{mean:,.{digits}f} +- {statistics.stdev(values):,.{digits}f}"


def writes(plan, order="optimal"):
    return plan["orders"][order]["per_inference"]["writes"]


def losses():
    """Accuracy against writes: a loss and its weight a line."""
    choices = [("none", "quantile", 0)]
    choices += [("l2-row", "l2-row", w) for w in (3, 10, 30)]
    choices += [("quantile", "quantile", w) for w in (3, 10, 30)]
    choices += [("tour", "tour", w) for w in (0.03, 0.1, 0.3, 1)]
    lines = [
        "| loss | weight | test accuracy | an input for each cell: optimal | reduction | shared inputs: optimal | reduction |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    first = None
    for name, method, weight in choices:
        accuracy, cell, column, natural = [], [], [], []
        for seed in SEEDS:
            sets = (f"write_loss.method={method}", f"write_loss.weight={weight}")
            weights, right = trained(f"losses-{name}-{weight}", seed, *sets)
            accuracy.append(right)
            plan, _ = planned(weights, "cell", "--core", "9x9")
            cell.append(writes(plan))
            natural.append(writes(plan, "natural"))
            plan, _ = planned(weights, "column", "--core", "9x9", "--fanout", "column")
            column.append(writes(plan))
        first = first or statistics.mean(natural)
        lines.append(
            f"| {name} | {weight if name != 'none' else ''} | {spread(accuracy, 2)} % | {spread(cell, 0)} | {first / statistics.mean(cell):.1f} "
            f"| {spread(column, 0)} | {first / statistics.mean(column):.1f} |"
        )
    lines.append("")
    lines.append(
        f"Reduction: against the natural order of the network without a loss ({first:,.0f} writes). Seeds {', '.join(map(str, SEEDS))}, 60 epochs, core 9x9, steady state."
    )
    return lines


def noise():
    """Training with and without noise, on noisy cells."""
    lines = [
        "| training | without noise | fresh | after a day |",
        "|---|---:|---:|---:|",
    ]
    quiet = ("write_loss.weight=0",)
    kinds = [
        ("without noise", quiet),
        ("with noise of fresh cells", (*quiet, "noise.model=electrical-pcm")),
        ("with noise of cells a day old", (*quiet, "noise.model=electrical-pcm", "noise.age_seconds=86400")),
    ]
    for name, sets in kinds:
        columns = {"none": [], "fresh": [], "day": []}
        for seed in SEEDS:
            weights, _ = trained("noise-" + name.replace(" ", "-"), seed, *sets)
            _, schedule = planned(weights, "cell", "--core", "9x9")
            for age, seconds in (("fresh", 0), ("day", 86400)):
                found = simulated(schedule, weights, age, "--noise", "electrical-pcm", "--drift", seconds, "--seeds", 5)
                columns[age] += [score["top1_percent"] for score in found["core_scores"]]
            columns["none"].append(found["quantized"]["top1_percent"])
        lines.append(f"| {name} | " + " | ".join(f"{spread(columns[k], 2)} %" for k in columns) + " |")
    lines += ["", f"Seeds {', '.join(map(str, SEEDS))}, five cores for each network; mean and deviation over networks and cores. `electrical-pcm`, core 9x9."]
    return lines


def faults():
    """Stuck cells: ignored, with the least error, planned around."""
    cells = [(row, col, side) for row in range(9) for col in range(9) for side in ("plus", "minus")]
    ways = [
        ("ignored", None),
        ("least error, lanes fixed", ("--reach", "lane")),
        ("planned around, reach row", ("--reach", "row")),
    ]
    lines = ["| stuck cells | " + " | ".join(name for name, _ in ways) + " |", "|---:|" + "---:|" * len(ways)]
    for count in (1, 2, 4, 8, 16):
        columns = {name: [] for name, _ in ways}
        for seed in SEEDS:
            weights, _ = trained("losses-none-0", seed, "write_loss.method=quantile", "write_loss.weight=0")
            _, plain = planned(weights, "cell", "--core", "9x9")
            head = json.loads(run("elight-plan", "inspect", plain, "--json"))
            chance = random.Random(1000 * seed + count)
            stuck = [(*cell, chance.randrange(16)) for cell in chance.sample(cells, count)]
            file = weights.parent / f"faults-{count}.toml"
            text = f"core = '9x9'\ndevice = 'elight'\ndevice_crc = {find(head, 'device_crc')}\n"
            for row, col, side, level in stuck:
                text += f"[[fault]]\nrow = {row}\ncol = {col}\nside = '{side}'\nkind = 'stuck'\nlevel = {level}\n"
            file.write_text(text)
            for i, (name, options) in enumerate(ways):
                schedule = plain
                if options:
                    _, schedule = planned(weights, f"faults-{count}-{i}", "--core", "9x9", "--faults", file, *options)
                found = simulated(schedule, weights, f"faults-{count}-{i}", "--faults", file, "--seeds", 1)
                columns[name].append(found["core_top1_mean_percent"])
        share = 100 * count / len(cells)
        lines.append(f"| {count} ({share:.1f} %) | " + " | ".join(f"{spread(columns[n], 2)} %" for n, _ in ways) + " |")
    lines += ["", f"Of the {len(cells)} PCM cells of a 9x9 core, each at a level that chance has chosen; seeds {', '.join(map(str, SEEDS))}. No retraining."]
    return lines


def find(tree, key):
    """The value of a key, wherever it is."""
    if isinstance(tree, dict):
        if key in tree:
            return tree[key]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            found = find(branch, key)
            if found is not None:
                return found
    return None


ROWS = {"digits-losses": losses, "digits-noise": noise, "digits-faults": faults}


def main():
    wanted = list(ROWS) if ROW == "all" else [ROW]
    for name in wanted:
        if name not in ROWS:
            sys.exit(f"no row {name}: choose one of {', '.join(ROWS)} or all")
        begun = time.time()
        table = "\n".join(ROWS[name]())
        print(table)
        print(f"{name}: {time.time() - begun:.0f} s", file=sys.stderr)
        text = RESULTS.read_text()
        block = re.compile(rf"(<!-- paper: {name} -->\n).*?(<!-- end -->)", re.S)
        if not block.search(text):
            sys.exit(f"docs/results.md has no block for {name}")
        RESULTS.write_text(block.sub(lambda m: f"{m.group(1)}{table}\n{m.group(2)}", text))


main()
