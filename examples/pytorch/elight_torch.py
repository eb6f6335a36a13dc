"""Write-aware training in PyTorch: weights as PCM cells hold them, and losses that make them cheap to write.

    attach(model, bits=4)                                     # every convolution and linear layer is quantized
    loss = criterion(model(x), y) + 10 * write_loss(model, "quantile", core=(9, 9))
    save(model, "model.safetensors", core=(9, 9))             # elight-plan model.safetensors

The mathematics is that of docs/training.md; test_elight_torch.py compares it with the vectors in fixtures/golden.
"""

import math

import torch
from torch.nn import functional as F
from torch.nn.utils import parametrize

from export import groups, write

LAYERS = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
METHODS = ("l1-row", "l1-global", "l1-neighbour", "l2-row", "l2-global", "l2-neighbour", "quantile")


class _Levels(torch.autograd.Function):
    """t and its scale a to Y = signed level / B; the gradient is that of the smooth level, B - log_beta(u)."""

    @staticmethod
    def forward(ctx, t, a, pcm):
        x = (t.abs() / a.clamp_min(torch.finfo(t.dtype).tiny)).clamp_max(1)
        level = torch.bucketize(x.double(), pcm.cuts.to(x.device), right=True)
        ctx.save_for_backward(t, a, x)
        ctx.pcm = pcm
        return level.to(t.dtype) * t.sign() / pcm.top

    @staticmethod
    def backward(ctx, dy):
        t, a, x = ctx.saved_tensors
        r = ctx.pcm.beta**ctx.pcm.top
        s = 1 - r
        # Y' = s / (x s + r) / (-ln beta) / B;  x = |t| / a.
        dx = torch.where(a > 0, dy * (s / -math.log(ctx.pcm.beta) / ctx.pcm.top) / (x * s + r), 0)
        a = a.clamp_min(torch.finfo(t.dtype).tiny)
        return dx / a, -(dx * t / a / a).sum_to_size(a.shape), None


class Pcm(torch.nn.Module):
    """A parametrization: the weight becomes the value of its level; the gradient goes straight through."""

    def __init__(self, bits=4, beta=0.872, reparam="none", scale="row"):
        super().__init__()
        self.bits, self.beta, self.reparam, self.scale, self.top = bits, beta, reparam, scale, 2**bits - 1
        transmissions = torch.tensor([beta ** (self.top - level) for level in range(self.top + 1)], dtype=torch.float64)
        self.units = (transmissions - transmissions[0]) / (transmissions[-1] - transmissions[0])
        self.cuts = (self.units[1:] + self.units[:-1]) / 2

    def target(self, w):
        """What is quantized, as a matrix, and its scale."""
        t = (torch.tanh(w) if self.reparam == "tanh" else w).flatten(1)
        a = t.abs().amax(1, keepdim=True) if self.scale == "row" else t.abs().amax().reshape(1, 1)
        return t, a

    def levels(self, w):
        """Signed levels over B, rows x columns, with the gradient of the write-aware losses."""
        return _Levels.apply(*self.target(w), self)

    def forward(self, w):
        t, a = self.target(w)
        y = _Levels.apply(t.detach(), a.detach(), self)
        q = self.units.to(t)[(y.abs() * self.top).round().long()] * y.sign() * a.detach()
        return (t + (q - t).detach()).reshape(w.shape)


def attach(model, skip=(), **options):
    """Quantizes the weights of all convolutions and linear layers but those named in `skip`."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LAYERS) and name not in skip:
            parametrize.register_parametrization(layer, "weight", Pcm(**options))
    return model


def attached(model):
    """Names, quantizers and trainable weights of the quantized layers."""
    for name, layer in model.named_modules():
        if isinstance(layer, LAYERS) and parametrize.is_parametrized(layer, "weight"):
            yield name, layer.parametrizations.weight[0], layer.parametrizations.weight.original


def layer_loss(y, w, method, core, top):
    """The loss of one layer: y = levels over B = top and w = weights, rows x columns; core = (rows, lanes)."""
    if method == "quantile":
        lanes = min(core[1], y.shape[1])
        ranks = w.detach().argsort(dim=1, stable=True)
        chunk = torch.arange(y.shape[1], device=y.device) * lanes // y.shape[1]
        ordered = y.gather(1, ranks)
        counts = torch.bincount(chunk, minlength=lanes) * y.shape[0]
        means = torch.zeros(lanes, dtype=y.dtype, device=y.device).index_add(0, chunk, ordered.detach().sum(0)) / counts
        return (ordered - ((means * top).round() / top)[chunk]).square().mean()
    norm, against = method.split("-")
    rows, lanes = core
    pad = (0, -y.shape[1] % lanes, 0, -y.shape[0] % rows)
    tiles = lambda m: F.pad(m, pad).unflatten(1, (-1, lanes)).unflatten(0, (-1, rows))  # P, R, Q, C
    real = tiles(torch.ones_like(y))

    def difference(m):
        m, over = tiles(m), (0, 2) if against == "global" else (2,)
        mean = (m.detach().sum(over, keepdim=True) / real.sum(over, keepdim=True).clamp_min(1)).expand_as(m)
        if against == "neighbour":
            mean = torch.cat([mean[:, :, :1], m.detach()[:, :, :-1]], dim=2)
        return (m - mean) * real

    if norm == "l1":
        return difference(y).abs().sum() / y.numel()
    # The plus and minus cells apart; the gradient of a weight at level 0 is that of its own sign's cell.
    zero = torch.zeros_like(y)
    plus, minus = torch.where(w < 0, zero, y), torch.where(w < 0, y, zero)
    return (difference(plus).square().sum() + difference(minus).square().sum()) / 2 / y.numel()


def write_loss(model, method, core):
    """The write-aware loss of all quantized layers."""
    return sum(layer_loss(pcm.levels(w), w.flatten(1), method, core, pcm.top) for _, pcm, w in attached(model))


def save(model, path, core, device="elight"):
    """Saves what was trained, with PyTorch's names, and how it is meant, for elight-plan."""
    pcm = next(attached(model))[1]
    said = {"tile": f"{core[0]}x{core[1]}", "bits": pcm.bits, "device": device, "scale": pcm.scale, "reparam": pcm.reparam}
    tensors = {name.replace(".parametrizations.weight.original", ".weight"): t for name, t in model.state_dict().items()}
    write(path, tensors, {"format": "pt", **{f"elight.{k}": v for k, v in said.items()}, **groups(model)})
