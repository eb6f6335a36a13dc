"""Planning from Python: the same bytes as the command line's, the same refusals, and state dicts of every kind."""

import gc
import json
import os
import pathlib
import signal
import threading

import numpy as np
import pytest

import elight

FIXTURES = pathlib.Path(os.environ.get("ELIGHT_FIXTURES", pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
MNIST = FIXTURES / "mnist-cnn.safetensors"


def test_a_plan_is_the_fixture_of_the_command_line():
    plan = elight.plan(MNIST, core="9x9")
    assert bytes(plan.schedules[0]) == (FIXTURES / "mnist-cnn-9x9.elight").read_bytes()
    assert 0 < plan.bound <= plan.writes
    assert plan.verified
    assert elight.check(plan).writes == plan.writes
    assert "9x9" in str(plan) and "<iframe" in plan._repr_html_()


def test_steps_are_those_of_the_schedule(tmp_path):
    plan = elight.plan(FIXTURES / "digits-mlp-4bit.safetensors", core="9x9")
    path = plan.schedule(tmp_path / "digits.elight")
    schedule = elight.Schedule(path)
    steps = list(schedule.steps())
    assert len(steps) == plan.report_data["steps"]
    assert {step.layer for step in steps} == {layer["name"] for layer in plan.report_data["layers"]}
    # Every weight is lit once; and the changes of levels are the writes of the first load.
    assert sum(int((step.inputs >= 0).sum()) for step in steps) == plan.report_data["weights"]
    before, writes = np.zeros((9, 9), np.int64), 0
    for step in steps:
        now = step.levels.astype(np.int64)
        writes += int(np.abs(np.maximum(now, 0) - np.maximum(before, 0)).sum() + np.abs(np.minimum(now, 0) - np.minimum(before, 0)).sum())
        before = now
    assert writes == plan.report_data["orders"]["optimal"]["first_load"]["writes"]


def test_steps_can_be_left_and_damage_is_named():
    data = (FIXTURES / "mnist-cnn-9x9.elight").read_bytes()
    steps = elight.Schedule(data).steps()
    next(steps)
    del steps
    gc.collect()
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    with pytest.raises(elight.ElightError, match="damaged"):
        list(elight.Schedule(bytes(damaged)).steps())
    with pytest.raises(elight.ElightError, match="not a schedule"):
        elight.Schedule(b"no schedule at all")


def matrices(kind):
    rng = np.random.default_rng(3)
    return {"first.weight": rng.normal(size=(20, 30)).astype(kind), "second.weight": rng.normal(size=(6, 20)).astype(kind)}


def test_a_state_dict_is_as_its_file(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    tensors = matrices(np.float32)
    save_file(tensors, tmp_path / "net.safetensors")
    of_file = elight.plan(tmp_path / "net.safetensors", core="4x5")
    of_dict = elight.plan(tensors, core=(4, 5))
    turned = {name: np.asfortranarray(array) for name, array in tensors.items()}
    assert bytes(of_file.schedules[0]) == bytes(of_dict.schedules[0]) == bytes(elight.plan(turned, core="4x5").schedules[0])


def test_an_image_lives_as_long_as_its_view():
    from elight import state_dict

    views = [state_dict.view(state_dict.image(matrices(np.float32), {"made": str(number)})) for number in range(20)]
    gc.collect()
    for number, view in enumerate(views):
        size = int.from_bytes(view[:8], "little")
        assert json.loads(bytes(view[8 : 8 + size]))["__metadata__"] == {"made": str(number)}


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_types_of_numpy(kind):
    assert elight.plan(matrices(kind), core="4x5").verified


def test_tensors_of_torch():
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(30, 20), torch.nn.ReLU(), torch.nn.Linear(20, 6))
    whole = elight.plan(model.state_dict(), core="4x5")
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    assert bytes(elight.plan(arrays, core="4x5").schedules[0]) == bytes(whole.schedules[0])
    for kind in (torch.float16, torch.bfloat16):
        assert elight.plan(model.to(kind).state_dict(), core="4x5").verified
    turned = {name: t.t().contiguous().t() if t.dim() == 2 else t for name, t in model.float().state_dict().items()}
    assert elight.plan(turned, core="4x5").verified
    with pytest.raises(elight.ElightError, match="meta device"):
        elight.load(torch.nn.Linear(3, 2, device="meta").state_dict())


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(core="9 x9"), "9 x9"),
        (dict(core="4x5", efort="fast"), "--effort"),
        (dict(core="4x5", bits=9), "1..=8"),
        (dict(core="4x5", effort="much"), "fast, good, best"),
        (dict(core="4x5", device="nowhere"), "nowhere"),
        (dict(core="4x5", fanout=3), "3"),
        (dict(core="4x5", threads=0), "1 to 65535"),
        (dict(), "--core RxC is needed"),
    ],
)
def test_what_is_wrong_is_named(options, message):
    with pytest.raises(elight.ElightError, match=message):
        elight.plan(matrices(np.float32), **options)


def test_no_network():
    with pytest.raises(elight.ElightError, match="empty"):
        elight.load({})
    with pytest.raises(TypeError, match="numpy array"):
        elight.load({"a": [1, 2]})
    with pytest.raises(elight.ElightError, match="complex64"):
        elight.load({"a.weight": np.zeros((3, 3), np.complex64)})
    with pytest.raises(elight.ElightError, match="nowhere"):
        elight.load("nowhere.safetensors")
    with pytest.raises(elight.ElightError, match="--json"):
        elight.plan(matrices(np.float32), core="4x5", json=True)


def test_threads_change_nothing():
    plans = [elight.plan(MNIST, core="16x16", threads=threads, no_verify=True) for threads in (1, 2)]
    assert bytes(plans[0].schedules[0]) == bytes(plans[1].schedules[0])
    pairs = [pair["exact"] for pair in elight.compare(*plans).data["layers"]]
    assert len(pairs) == 5 and all(a == b for a, b in pairs)


def test_progress_is_told_and_may_stop_the_plan():
    told = []
    elight.plan(MNIST, core="9x9", progress=lambda *phase: told.append(phase))
    assert told and all(done <= total for _, done, total in told)

    class Enough(Exception):
        pass

    def stop(*_):
        raise Enough

    with pytest.raises(Enough):
        elight.plan(MNIST, core="9x9", progress=stop)


def test_ctrl_c_ends_planning():
    # A shell in the background ignores Ctrl-C, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    layer = {"layer.weight": np.random.default_rng(1).normal(size=(512, 512)).astype(np.float32)}
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        while True:
            elight.plan(layer, core="9x9")


def test_reports(tmp_path):
    plan = elight.plan(FIXTURES / "digits-mlp-4bit.safetensors", core="9x9")
    assert json.loads(plan.to_json())["core"] == "9x9"
    assert plan.report(tmp_path / "page.html").read_text().startswith("<!")
    assert len(plan.per_layer) == 3
