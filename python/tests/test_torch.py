"""elight.torch against the vectors in fixtures/golden, which were made by running ELight's own code, and against its promises."""

import copy
import json
import os
import pathlib
import socket

import pytest

torch = pytest.importorskip("torch")
load_file = pytest.importorskip("safetensors.torch").load_file

import elight.torch as pcm
from elight.torch.losses import layer_loss

FIXTURES = pathlib.Path(os.environ.get("ELIGHT_FIXTURES", pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
GOLDEN = FIXTURES / "golden"
LOSSES = {"global_l1": "l1-global", "global_l2": "l2-global", "row_l1": "l1-row", "row_l2": "l2-row", "nei_l2": "l2-neighbour"}
CASES = [("b2_p2_q3_k9", 2), ("b4_p2_q3_k9", 4), ("b4_p2_q3_k9_std1", 4), ("b5_p2_q3_k9", 5), ("b8_p2_q3_k9", 8)]


def unblock(blocks):
    """[P, Q, k, k] blocks to a matrix."""
    p, q, k, _ = blocks.shape
    return blocks.permute(0, 2, 1, 3).reshape(p * k, q * k)


@pytest.fixture(params=CASES, ids=lambda case: case[0])
def golden(request):
    name, bits = request.param
    quantizer = pcm.WeightQuantizer(pcm.Cell.load("elight", bits), scale="layer", reparam="tanh")
    return load_file(GOLDEN / f"{name}.safetensors"), json.loads((GOLDEN / f"{name}.json").read_text()), quantizer


def test_levels_and_values(golden):
    vectors, _, quantizer = golden
    w = unblock(vectors["weight"])
    levels = (quantizer.levels(w) * quantizer.cell.top).round().to(torch.int16)
    assert torch.equal(levels, unblock(vectors["level_comb"]).to(torch.int16))
    torch.testing.assert_close(quantizer(w), unblock(vectors["cpu_q"]), atol=1e-6, rtol=0)


def test_straight_through(golden):
    vectors, _, quantizer = golden
    w = unblock(vectors["weight"]).requires_grad_()
    (quantizer(w) * unblock(vectors["ste_upstream"])).sum().backward()
    torch.testing.assert_close(w.grad, unblock(vectors["ste_grad"]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients(golden, name):
    vectors, info, quantizer = golden
    w = unblock(vectors["weight"]).requires_grad_()
    k = vectors["weight"].shape[2]
    y = quantizer.levels(w)
    loss = layer_loss(y, w, LOSSES[name], (k, k), quantizer.cell.top)
    want = info["loss_f64"][name]
    assert abs(loss.item() - want) <= 3e-6 * max(want, 1e-3)
    loss.backward()
    # Left out: elements where the reference's rounding decides the sign, those where it differentiates the wrong array, and then the
    # largest weights, whose gradient sums over all.
    levels = (y.detach() * quantizer.cell.top).round()
    out = unblock(vectors[f"l1_fragile_{name[:-3]}"]) == 1 if name.endswith("l1") else levels == -quantizer.cell.top
    if out.any():
        out = out | (w.abs() == w.abs().max())
    want = unblock(vectors[f"grad_{name}"])
    close = (w.grad - want).abs() <= 2e-5 * want.abs().max()
    assert close[~out].all(), f"{(~close[~out]).sum()} gradients differ"
    assert (~out).float().mean() > 0.5


def test_input_quantizer():
    stages = json.loads((GOLDEN / "input_quant.json").read_text())["stages"]
    vectors = load_file(GOLDEN / "input_quant.safetensors")
    quantizers = {}
    for stage in stages:
        tag = stage["tag"]
        quantizer = quantizers.setdefault(tag.split("_")[0], pcm.InputQuantizer(4))
        if "p0" in tag:  # with probability 0 nothing is quantized, and the range follows all the same
            quantizer = pcm.InputQuantizer(4, noise=0.0)
        quantizer.train(stage["train"])
        x = vectors[f"{tag}_x"].requires_grad_()
        y = quantizer(x)
        torch.testing.assert_close(y.detach(), vectors[f"{tag}_y"], atol=1e-6, rtol=1e-6)
        scale, zero = quantizer.scale_and_zero()
        torch.testing.assert_close(scale, vectors[f"{tag}_scale"], atol=0, rtol=1e-6)
        assert zero.item() == vectors[f"{tag}_zero_point"].item()
        (y * vectors[f"{tag}_upstream"]).sum().backward()
        assert torch.equal(x.grad, vectors[f"{tag}_grad"])


def test_quantile_loss_brings_rows_to_one_level_a_lane():
    i = torch.arange(12 * 90)
    w = (((i * 7919 % 1009) / 1009 - 0.5) * (1 + (i // 90) / 12)).reshape(12, 90).requires_grad_()
    quantizer = pcm.WeightQuantizer(pcm.Cell.load("elight", 4), scale="layer", reparam="tanh")
    losses = []
    for _ in range(150):
        loss = layer_loss(quantizer.levels(w), w, "quantile", (9, 9), quantizer.cell.top)
        (gradient,) = torch.autograd.grad(loss, w)
        w.data -= 30 * gradient
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5


def small():
    torch.manual_seed(2)
    return torch.nn.Sequential(
        torch.nn.Conv2d(8, 8, 3, groups=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 5)
    )


def test_convert_keeps_parameters_names_and_ties():
    model = small()
    model[5] = torch.nn.Linear(8, 6)
    model[5].weight = model[3].weight
    before = dict(model.named_parameters(remove_duplicate=False))
    pcm.convert(model, bits=3, input_bits=4)
    after = dict(model.named_parameters(remove_duplicate=False))
    assert before.keys() == after.keys() and all(before[name] is after[name] for name in before)
    assert model[5].weight is model[3].weight
    assert [name for name, _ in pcm.pcm_layers(model)] == ["0", "3", "5"]
    assert len(model[0].quantizer(model[0].weight)[0].unique()) <= 2 * 7 + 1
    again = copy.deepcopy(model)
    again.load_state_dict(model.state_dict())
    x = torch.randn(2, 8, 3, 3)
    assert torch.equal(model[:5].eval()(x), again[:5].eval()(x))


@pytest.mark.parametrize("method", pcm.METHODS)
def test_every_loss_reaches_every_layer(method):
    model = pcm.convert(small(), bits=3)
    loss = model(torch.randn(4, 8, 3, 3)).square().sum() + pcm.write_loss(model, method, core="9x4")
    loss.backward()
    for _, layer in pcm.pcm_layers(model):
        assert layer.weight.grad.isfinite().all() and layer.weight.grad.abs().sum() > 0


def test_descent_on_a_loss_makes_levels_alike():
    model = pcm.convert(small(), bits=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = pcm.write_loss(model, "l2-row", core="3x3")
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_and_autocast(dtype):
    model = pcm.convert(small(), bits=4, input_bits=6)
    x = torch.randn(4, 8, 3, 3)
    exact = model(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(x).float().square().mean()
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    half = model.eval().to(dtype)
    torch.testing.assert_close(half(x.to(dtype)).float(), exact, atol=0.1, rtol=0.1)


def test_compile_gives_the_same():
    model = pcm.convert(small(), bits=4, input_bits=6).eval()
    x = torch.randn(4, 8, 3, 3)
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(compiled(x), model(x), atol=1e-6, rtol=1e-5)
    compiled(x).sum().backward()
    got = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    model(x).sum().backward()
    for a, p in zip(got, model.parameters()):
        torch.testing.assert_close(a, p.grad, atol=1e-5, rtol=1e-5)


def test_noise_disturbs_in_training_only():
    model = pcm.convert(small(), bits=4, noise=pcm.Noise("optical-pcm"))
    x = torch.randn(4, 8, 3, 3)
    assert not torch.equal(model(x), model(x))
    assert torch.equal(model.eval()(x), model.eval()(x))


def test_noise_has_the_deviation_of_its_model():
    noise = pcm.Noise("electrical-pcm")
    torch.manual_seed(1)
    for x in (0.0, 0.3, 1.0):
        states = noise.state(torch.full((200_000,), x, dtype=torch.float64))
        sigma = (0.2635 + 1.9650 * x - 1.1731 * x * x) / 25
        assert abs(states.std().item() / sigma - 1) < 0.01
    day = pcm.Noise("electrical-pcm", age=86_400.0)
    ratio = day.state(torch.ones(200_000, dtype=torch.float64)).mean() / noise.state(torch.ones(200_000, dtype=torch.float64)).mean()
    assert abs(ratio.item() / (86_420 / 20) ** -0.049 - 1) < 0.01


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(scale="rows"), "expected 'row' or 'layer'"),
        (dict(reparam="atan"), "expected 'none' or 'tanh'"),
        (dict(input_bits=0), "expected 1 to 16"),
        (dict(input_bits=4, quant_noise=2), "expected a probability"),
        (dict(skip=("7",)), "the model has no layer 7"),
        (dict(device="nowhere"), "nowhere"),
        (dict(bits=9), "9"),
    ],
)
def test_wrong_options_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        pcm.convert(small(), **wrong)
    with pytest.raises(ValueError, match="convert"):
        pcm.write_loss(small(), "l2-row", core="9x9")
    with pytest.raises(ValueError, match="as in '9x9'"):
        pcm.write_loss(pcm.convert(small()), "l2-row", core="9")


def _gradients(model, x, y):
    loss = torch.nn.functional.cross_entropy(model(x), y) + pcm.write_loss(model, "l2-row", core="3x3")
    loss.backward()


def _process(rank, port, path):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    x, y = _batch()
    model = torch.nn.parallel.DistributedDataParallel(pcm.convert(small(), bits=4, input_bits=4))
    _gradients(model, x[rank::2], y[rank::2])
    if rank == 0:
        torch.save({name.removeprefix("module."): p.grad for name, p in model.named_parameters()}, path)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def _batch():
    generator = torch.Generator().manual_seed(5)
    return torch.randn(8, 8, 3, 3, generator=generator), torch.arange(8) % 5


def test_two_processes_give_the_gradients_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_process, args=(port, tmp_path / "g.pt"), nprocs=2)
    got = torch.load(tmp_path / "g.pt")
    model = pcm.convert(small(), bits=4, input_bits=4)
    _gradients(model, *_batch())
    for name, p in model.named_parameters():
        torch.testing.assert_close(got[name], p.grad, atol=1e-6, rtol=1e-5)
