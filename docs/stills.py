#!/usr/bin/env python3
"""Stills of what elight-plan shows: docs/terminal.svg and docs/page.svg.

    cargo build --release && python3 docs/stills.py target/release/elight-plan
"""
import html
import os
import re
import subprocess
import sys
import tempfile

COLUMNS = 80
STYLE = {"1": "strong", "2": "quiet", "32": "good", "31": "bad"}
CSS = """
.ground { fill: #ffffff; } text { fill: #1b2126; font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; }
.strong { font-weight: 700; } .quiet { fill: #55606b; } .good { fill: #1b7f3b; font-weight: 700; } .bad { fill: #c62828; font-weight: 700; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #13171b; } text { fill: #e4e8eb; } .quiet { fill: #9ba7b2; } .good { fill: #5cc47c; } .bad { fill: #f0716a; }
}"""


def pieces(line):
    """Text and class of each piece of a line with colours."""
    kind = ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b["):
            codes = part[2:-1].split(";")
            kind = next((STYLE[c] for c in reversed(codes) if c in STYLE), "" if codes in (["0"], [""]) else kind)
        elif part:
            yield part, kind


def terminal(lines):
    """Lines of a terminal as an SVG file."""
    wide, high = 8.0, 18
    out = []
    for row, line in enumerate(lines):
        column = 0
        for text, kind in pieces(line):
            x, y = 14 + wide * column, 30 + high * row
            length = wide * len(text)
            cls = f' class="{kind}"' if kind else ""
            out.append(f'<text x="{x:g}" y="{y}"{cls} textLength="{length:g}">{html.escape(text, quote=False)}</text>')
            column += len(text)
    w, h = 28 + wide * COLUMNS, 26 + high * len(lines)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:g} {h}" width="{w:g}" height="{h}" role="img" '
            f'aria-label="elight-plan on a terminal of {COLUMNS} columns">\n<style>{CSS}\n</style>\n'
            f'<rect class="ground" width="100%" height="100%" rx="8"/>\n' + "\n".join(out) + "\n</svg>\n")


def page(folder, names):
    """Some pictures of the page below each other as an SVG file."""
    parts, y, style = [], 16, ""
    for name in names:
        text = open(os.path.join(folder, name + ".svg"), encoding="utf-8").read()
        style = re.search(r"<style>(.*?)</style>", text, re.S).group(1)
        high = float(re.search(r'height="([0-9.]+)" role', text).group(1))
        body = text[text.index("<rect class=\"ground\""):text.rindex("</svg>")]
        body = body[body.index("/>") + 2:]
        parts.append(f'<svg x="16" y="{y:g}" width="720" height="{high:g}" viewBox="0 0 720 {high:g}">{body}</svg>')
        y += high + 20
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 752 {y:g}" width="752" height="{y:g}" role="img" '
            f'aria-label="Pictures of the page of a plan">\n<style>{style}</style>\n<rect class="ground" width="100%" height="100%" rx="8"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def main():
    program = os.path.abspath(sys.argv[1])
    here = os.path.dirname(os.path.abspath(__file__))
    weights = os.path.join(here, "..", "fixtures", "mnist-cnn-4bit.safetensors")
    args = ["mnist-cnn-4bit.safetensors", "--core", "9x9", "--endurance", "1e6"]
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath(weights), os.path.join(folder, args[0]))
        env = dict(os.environ, COLUMNS=str(COLUMNS), CLICOLOR_FORCE="1")
        env.pop("NO_COLOR", None)
        shown = subprocess.run([program, *args, "--svg", "pictures"], cwd=folder, env=env, check=True, capture_output=True, text=True)
        # How long it took is another matter.
        lines = ["$ elight-plan " + " ".join(args)]
        lines += [line for line in shown.stdout.splitlines() if not re.sub(r"\x1b\[[0-9;]*m", "", line).startswith("time ")]
        pictures = ["writes-by-order", "writes-by-layer-and-order", "wear"]
        files = {"terminal.svg": terminal(lines), "page.svg": page(os.path.join(folder, "pictures"), pictures)}
    for name, text in files.items():
        with open(os.path.join(here, name), "w", encoding="utf-8") as file:
            file.write(text)
        print("docs/" + name)


if __name__ == "__main__":
    main()
