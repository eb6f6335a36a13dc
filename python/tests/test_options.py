"""Options of the command line from Python: the same schedules, byte by byte, and what comes with them."""

import os
import pathlib
import shlex
import zlib

import numpy as np
import pytest

import elight

FIXTURES = pathlib.Path(os.environ.get("ELIGHT_FIXTURES", pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
PLANS = FIXTURES / "plans"
MNIST = FIXTURES / "mnist-cnn-4bit.safetensors"
DIGITS = FIXTURES / "digits-mlp-4bit.safetensors"
# What the options of a plan before it have to be, too.
SAME = ("core", "cores", "bits", "device", "fanout", "layout")
# Lines of the table that have one of these are planned here, too.
CHOSEN = ("--faults", "--wear", "--rotate", "--from", "--calibrate", "--cores", "--objective", "--endurance")


def lines():
    for line in (PLANS / "table.txt").read_text().splitlines():
        what, _, figures = line.partition("|")
        if any(option in what for option in CHOSEN) and "--segment-bytes" not in what:
            yield what.strip(), figures.split()[0]


def keywords(what):
    """The words of a command line as keyword arguments."""
    name, *found = shlex.split(what)
    options, at = {}, 0
    while at < len(found):
        flag = found[at].removeprefix("--").replace("-", "_")
        value = found[at + 1] if at + 1 < len(found) and not found[at + 1].startswith("--") else True
        at += 1 if value is True else 2
        if value is not True and (PLANS / value).is_file():
            value = PLANS / value
        options[flag] = [*options.get(flag, []), value] if value is not True else True
    return PLANS / f"{name}.safetensors", {flag: value[0] if value is not True and len(value) == 1 else value for flag, value in options.items()}


@pytest.mark.parametrize("what, crc", list(lines()))
def test_schedules_are_those_of_the_command_line(what, crc, tmp_path):
    weights, options = keywords(what)
    if options.get("from") == "before.elight":
        same = {flag: value for flag, value in options.items() if flag in SAME}
        elight.plan(weights, order="natural", **same).schedule(tmp_path / "before.elight")
        options["from_"] = tmp_path / options.pop("from")
    plan = elight.plan(weights, **options)
    first = plan.schedule(tmp_path / "plan.elight")
    bytes_ = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("plan*")))
    assert f"{zlib.crc32(bytes_):08x}" == crc
    assert plan.verified and first.exists()
    if "rotate" not in options:
        assert elight.check(plan).writes == plan.writes


def test_a_file_without_faults_changes_nothing(tmp_path):
    (tmp_path / "none.toml").write_text('core = "9x9"\ndevice = "elight"\ndevice_crc = 2055319189\n')
    plain, intact = (elight.plan(DIGITS, core="9x9", **options) for options in ({}, {"faults": tmp_path / "none.toml"}))
    assert bytes(plain.schedules[0]) == bytes(intact.schedules[0])


def test_a_rotation_is_several_schedules_and_a_longer_life(tmp_path):
    plan = elight.plan(DIGITS, core="9x9", rotate=3, rotate_every=1000, endurance=1e6)
    assert len(plan.schedules) == 3
    assert plan.schedule(tmp_path / "net.elight").name == "net.rot0.elight"
    assert plan.report_data["schedule"]["path"].endswith("digits-mlp-4bit.rot0.elight")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.rot0.elight", "net.rot1.elight", "net.rot2.elight"]
    assert "<!" in plan.report(tmp_path / "page.html").read_text()[:20]
    with pytest.raises(elight.ElightError, match="one by one"):
        elight.check(plan)
    assert elight.check(plan.schedules[0], DIGITS).writes == plan.writes


def test_a_whole_inference_on_a_system():
    one = elight.plan(DIGITS, core="9x9", system="lightening", vectors={"*": 1})
    many = elight.plan(DIGITS, core="9x9", system="lightening", vectors={"*": 1}, batch=64)
    assert elight.plan(DIGITS, core="9x9").inference is None
    assert many.inference["batch"] == 64 and one.inference["batch"] == 1
    assert bytes(one.schedules[0]) == bytes(many.schedules[0])
    chosen = elight.plan(DIGITS, core="9x9", system="lightening", vectors={"*": 1}, batch="auto", objective="inference-energy")
    assert chosen.inference["batch"] >= 1
    with pytest.raises(elight.ElightError, match="--batch is for a whole inference"):
        elight.plan(DIGITS, core="9x9", batch=64)


def test_a_comparison_has_both_plans(tmp_path):
    a, b = (elight.plan(DIGITS, core="9x9", fanout=fanout) for fanout in ("cell", "column"))
    found = elight.compare(a, b, names=("single", "shared"))
    assert found.data["paths"] == ["single", "shared"]
    figures = found.figures.to_dict("records") if hasattr(found.figures, "to_dict") else found.figures
    assert any((row["a"], row["b"]) == (a.writes, b.writes) for row in figures)
    assert found.verdict and "single" in str(found) and "<iframe" in found._repr_html_()
    assert found.report(tmp_path / "page.html").read_text().startswith("<!")
    assert len(found.per_layer) == 3


def test_a_network_travels_to_another_process():
    import pickle

    weights = {"first.weight": np.random.default_rng(3).normal(size=(20, 30)).astype(np.float32)}
    for network in (elight.load(DIGITS, exclude="*4*"), elight.load(weights, metadata={"elight.tile": "4x5"})):
        again = pickle.loads(pickle.dumps(network))
        assert again.layers == network.layers and again.metadata == network.metadata
        assert bytes(elight.plan(again, core="4x5").schedules[0]) == bytes(elight.plan(network, core="4x5").schedules[0])


def test_a_compressed_archive_is_opened_again_by_its_path(tmp_path):
    np.savez_compressed(tmp_path / "net.npz", first=np.ones((9, 12), np.float32))
    network = elight.load(tmp_path / "net.npz", layout="matrix")
    path, image, _ = network._source()
    assert image is None and path == str(tmp_path / "net.npz")


def test_reading_is_said_once():
    network = elight.load(DIGITS)
    with pytest.raises(TypeError, match="loaded already"):
        elight.plan(network, core="9x9", exclude="*2*")
