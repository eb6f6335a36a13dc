"""The ramp of the write-aware loss."""

import pytest

pytest.importorskip("torch")

from elight.torch import Ramp


def test_a_ramp_rises_from_nothing_to_all_and_depends_on_the_step_alone():
    ramp = Ramp(1000, begin=0.1, full=0.5)
    factors = [ramp(step) for step in range(1000)]
    assert factors == sorted(factors) and factors == [ramp(step) for step in range(1000)]
    assert set(factors[:101]) == {0.0} and set(factors[500:]) == {1.0}
    assert abs(ramp(300) - 0.5) < 1e-12
    assert max(b - a for a, b in zip(factors, factors[1:])) < 0.005


def test_a_ramp_without_a_rise():
    assert [Ramp(10, 0, 0)(step) for step in (0, 5)] == [1.0, 1.0]


@pytest.mark.parametrize("wrong", [dict(total=0), dict(total=9, begin=0.5, full=0.4), dict(total=9, begin=-1), dict(total=9, full=2)])
def test_wrong_ramps_are_named(wrong):
    with pytest.raises(ValueError, match="expected"):
        Ramp(**wrong)
