"""Explorations: the same points wherever the plans are made, and whenever they go on."""

import multiprocessing
import os
import pathlib
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import elight

FIXTURES = pathlib.Path(os.environ.get("ELIGHT_FIXTURES", pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
DIGITS = FIXTURES / "digits-mlp-4bit.safetensors"
GRID = {"core": ["9x9", "16x16"], "fanout": "cell", "extra_steps": ["none", "25%"], "batch": [1, "auto"], "system": "bench", "vectors": {"*": 1}}


@pytest.fixture(scope="module")
def here():
    return elight.explore(DIGITS, **GRID)


def test_points_and_front(here, tmp_path):
    assert len(here) == 8 and not here.data["missing"]
    points = here.data["points"]
    assert {(point["core"], point["extra_steps"]) for point in points} == {(c, e) for c in ("9x9", "16x16") for e in ("none", "25%")}
    front = here.front.to_dict("records") if hasattr(here.front, "to_dict") else here.front
    assert front and [p["time_us"] for p in front] == sorted(p["time_us"] for p in front)
    assert here.csv(tmp_path / "points.csv").read_text().count("\n") == 9
    assert here.report(tmp_path / "points.html").read_text().startswith("<!")
    assert all(point["core"] in str(here) for point in front)
    assert "<iframe" in here._repr_html_() and "8 points" in repr(here)


@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_processes_make_the_same_points(here, start):
    if start not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {start}")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as executor:
        assert elight.explore(DIGITS, executor=executor, **GRID).to_json() == here.to_json()


def test_threads_make_the_same_points_of_a_state_dict():
    rng = np.random.default_rng(3)
    weights = {"first.weight": rng.normal(size=(20, 30)).astype(np.float32), "second.weight": rng.normal(size=(6, 20)).astype(np.float32)}
    grid = {"core": ["4x5", (5, 4)], "system": "bench", "vectors": {"*": 1}, "threads": 1}
    with ThreadPoolExecutor(2) as executor:
        assert elight.explore(weights, executor=executor, **grid).to_json() == elight.explore(weights, **grid).to_json()


def test_what_was_planned_is_kept(here, tmp_path):
    told = []

    class Enough(Exception):
        pass

    def stop(phase, done, total):
        told.append((phase, done, total))
        if done == 2:
            raise Enough

    with pytest.raises(Enough):
        elight.explore(DIGITS, state=tmp_path / "state", progress=stop, **GRID)
    with pytest.raises(elight.ElightError, match="2 plans are missing"):
        elight.merge([tmp_path / "state"])
    told.clear()
    again = elight.explore(DIGITS, state=tmp_path / "state", progress=lambda *now: told.append(now), **GRID)
    assert told == [("plans", 3, 4), ("plans", 4, 4)]
    assert again.to_json() == here.to_json() == elight.merge([tmp_path / "state"]).to_json()
    elight.explore(DIGITS, state=tmp_path / "other", **{**GRID, "core": "9x9"})
    with pytest.raises(elight.ElightError, match="other"):
        elight.merge([tmp_path / "state", tmp_path / "other"])


def test_an_executor_that_gives_up_is_named(tmp_path):
    class Cancels:
        def submit(self, *_):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(elight.ElightError, match="cancelled"):
        elight.explore(DIGITS, executor=Cancels(), **GRID)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"core": "9 x9"}, "9 x9"),
        ({"system": "nowhere"}, "nowhere"),
        ({"batch": [0]}, "1 to 1,000,000,000"),
        ({"json": True}, "--json"),
        ({"threads": 0}, "1 to 65535"),
        ({"device": ["elight", "nothing"]}, "nothing"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_planned(wrong, message):
    with pytest.raises(elight.ElightError, match=message):
        elight.explore(DIGITS, **{**GRID, **wrong})


def test_what_has_no_plan_says_why():
    found = elight.explore(DIGITS, core="9x9", fanout=["cell", "2"], system="bench", vectors={"*": 1})
    assert len(found) == 1 and len(found.refused) == 1
