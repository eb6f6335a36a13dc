#!/usr/bin/env python3
"""elight_torch against the vectors in fixtures/golden, which were made by running ELight's own code: python test_elight_torch.py"""

import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file

import elight_torch
import export

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"
METHODS = {"global_l1": "l1-global", "global_l2": "l2-global", "row_l1": "l1-row", "row_l2": "l2-row", "nei_l2": "l2-neighbour"}


def unblock(blocks):
    """[P, Q, k, k] blocks to a matrix."""
    p, q, k, _ = blocks.shape
    return blocks.permute(0, 2, 1, 3).reshape(p * k, q * k)


def check_golden(case, bits):
    vectors = load_file(FIXTURES / "golden" / f"{case}.safetensors")
    info = json.loads((FIXTURES / "golden" / f"{case}.json").read_text())
    k = vectors["weight"].shape[2]
    w = unblock(vectors["weight"])
    pcm = elight_torch.Pcm(bits, reparam="tanh", scale="layer")
    levels = (pcm.levels(w) * pcm.top).round().to(torch.int16)
    assert torch.equal(levels, unblock(vectors["level_comb"]).to(torch.int16)), f"{case}: levels"
    torch.testing.assert_close(pcm(w), unblock(vectors["cpu_q"]), atol=1e-6, rtol=0)
    for name, method in METHODS.items():
        weight = w.clone().requires_grad_()
        loss = elight_torch.layer_loss(pcm.levels(weight), weight, method, (k, k), pcm.top)
        loss.backward()
        want = info["loss_f64"][name]
        assert abs(loss.item() - want) <= 3e-6 * max(want, 1e-3), f"{case} {name}: {loss.item()} instead of {want}"
        # Left out: elements where the reference's own rounding decides the sign, those where it differentiates the wrong
        # array, and then the largest weights, whose gradient sums over all (see src/train/tests/golden.rs).
        out = torch.zeros_like(w, dtype=torch.bool)
        if name.endswith("l1"):
            out |= unblock(vectors[f"l1_fragile_{name[:-3]}"]) == 1
        else:
            out |= levels == -pcm.top
        if out.any():
            out |= w.abs() == w.abs().max()
        want = unblock(vectors[f"grad_{name}"])
        close = (weight.grad - want).abs() < 2e-5 * want.abs().max()
        assert close[~out].all(), f"{case} {name}: {(~close[~out]).sum()} gradients differ"
        assert (~out).float().mean() > 0.8, f"{case} {name}: too few gradients compared"


def check_quantile():
    # The weights of src/train/tests/golden.rs.
    i = torch.arange(12 * 90)
    w = (((i * 7919 % 1009) / 1009 - 0.5) * (1 + (i // 90) / 12)).reshape(12, 90).requires_grad_()
    pcm, losses = elight_torch.Pcm(4, reparam="tanh", scale="layer"), []
    for _ in range(150):
        loss = elight_torch.layer_loss(pcm.levels(w), w, "quantile", (9, 9), pcm.top)
        (gradient,) = torch.autograd.grad(loss, w)
        w.data -= 30 * gradient
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5, f"from {losses[0]} to {losses[-1]}"


def check_model():
    """Straight-through gradients, padding, groups, and a file that says what it is."""
    torch.manual_seed(2)
    model = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, groups=2), torch.nn.Flatten(), torch.nn.Linear(8, 5))
    elight_torch.attach(model, bits=3)
    assert len(list(elight_torch.attached(model))) == 2
    for method in elight_torch.METHODS:
        model.zero_grad()
        loss = model(torch.randn(4, 8, 3, 3)).square().sum() + elight_torch.write_loss(model, method, (9, 4))
        loss.backward()
        assert all(w.grad.isfinite().all() and w.grad.abs().sum() > 0 for _, _, w in elight_torch.attached(model)), method
    _, pcm, w = next(elight_torch.attached(model))
    weight = w.detach().clone().requires_grad_()
    pcm(weight).sum().backward()
    assert torch.equal(weight.grad, torch.ones_like(weight))
    assert len(model[0].weight[0].unique()) <= 2 * 7 + 1
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.safetensors"
        elight_torch.save(model, path, (9, 4))
        saved = export.read(path)
        assert list(saved) == ["0.bias", "0.weight", "2.bias", "2.weight"], list(saved)
        assert torch.equal(saved["0.weight"], w)
        header = path.read_bytes()[8:].split(b"}}")[0]
        for part in [b'"elight.groups.0.weight": "2"', b'"elight.tile": "9x4"', b'"elight.bits": "3"']:
            assert part in header, part


def check_export_refuses():
    """What is no checkpoint, no core and no folder is named, without a traceback."""
    here = pathlib.Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as folder:
        good = pathlib.Path(folder) / "good.pt"
        torch.save({"w": torch.ones(2, 3)}, good)
        for arguments, message in [
            (["nowhere.pt", "-o", "x"], "nowhere.pt: cannot be read as a checkpoint"),
            ([here / "export.py", "-o", "x"], "cannot be read as a checkpoint"),
            ([good, "-o", "x", "--core", "9"], "expected ROWSxCOLUMNS"),
            ([good, "-o", f"{folder}/nowhere/x"], "cannot write"),
        ]:
            ran = subprocess.run([sys.executable, here / "export.py", *arguments], cwd=folder, capture_output=True, text=True)
            assert ran.returncode and message in ran.stderr and "Traceback" not in ran.stderr, (arguments, ran.stderr)


for case, bits in [("b2_p2_q3_k9", 2), ("b4_p2_q3_k9", 4), ("b4_p2_q3_k9_std1", 4), ("b5_p2_q3_k9", 5), ("b8_p2_q3_k9", 8)]:
    check_golden(case, bits)
    print(f"{case}: levels, values, losses and gradients as in the golden vectors")
check_quantile()
check_model()
check_export_refuses()
print("elight_torch: all passed")
