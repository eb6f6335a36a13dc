"""Losses that make the later writes few.

All are functions of `y = signed level / top`, `[out, cols]`, normalised by the number of weights of a layer and summed over the layers.

    l1-row, l1-global, l1-neighbour     mean |y - ref|: ELight's; ref is the mean tile of the tile row, of the layer, or the previous tile
    l2-row, l2-global, l2-neighbour     mean (y - ref)^2 on the plus and minus cells apart
    quantile                            mean (y - m)^2 over sorted rows: m is the mean level of a lane's chunk over the layer, rounded to a level

The reference is never differentiated.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

METHODS = ("l1-row", "l1-global", "l1-neighbour", "l2-row", "l2-global", "l2-neighbour", "quantile")


def core_size(core: str | tuple[int, int]) -> tuple[int, int]:
    """ "9x9" or (9, 9) as (rows, lanes)."""
    try:
        rows, lanes = (int(n) for n in (core.split("x") if isinstance(core, str) else core))
    except (ValueError, TypeError, AttributeError):
        raise ValueError(f"core={core!r}: expected 'ROWSxLANES' or (rows, lanes), as in '9x9'") from None
    if not (1 <= rows <= 1024 and 1 <= lanes <= 1024):
        raise ValueError(f"core={core!r}: rows and lanes are 1 to 1024")
    return rows, lanes


def layer_loss(y: torch.Tensor, w: torch.Tensor, method: str, core: str | tuple[int, int], top: int) -> torch.Tensor:
    """The loss of one layer, a scalar.

    y: levels over top, w: the trainable weights, both `[out, cols]`; core: rows and lanes of the photonic core.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r}: expected one of {', '.join(METHODS)}")
    core = core_size(core)
    if method == "quantile":
        return _quantile(y, w, core[1], top)
    norm, against = method.split("-")
    return _difference(y, w, norm, against, core)


def _quantile(y, w, lanes, top):
    lanes = min(lanes, y.shape[1])
    ranks = w.detach().argsort(dim=1, stable=True)
    chunk = torch.arange(y.shape[1], device=y.device) * lanes // y.shape[1]
    ordered = y.gather(1, ranks)
    counts = torch.bincount(chunk, minlength=lanes) * y.shape[0]
    means = torch.zeros(lanes, dtype=y.dtype, device=y.device).index_add(0, chunk, ordered.detach().sum(0)) / counts
    return (ordered - ((means * top).round() / top)[chunk]).square().mean()


def _difference(y, w, norm, against, core):
    rows, lanes = core
    pad = (0, -y.shape[1] % lanes, 0, -y.shape[0] % rows)

    def tiles(m):  # [P, R, Q, C]
        return F.pad(m, pad).unflatten(1, (-1, lanes)).unflatten(0, (-1, rows))

    real = tiles(torch.ones_like(y))  # padding takes no part

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


def write_loss(model: torch.nn.Module, method: str, core: str | tuple[int, int]) -> torch.Tensor:
    """The write-aware loss of all layers of `model` that `convert` has put on the core, a scalar.

        loss = criterion(model(x), y) + 100 * write_loss(model, "l2-row", core="9x9")
    """
    from .layers import pcm_layers

    terms = [
        layer_loss(layer.quantizer.levels(layer.weight), layer.weight.flatten(1), method, core, layer.quantizer.cell.top)
        for _, layer in pcm_layers(model)
    ]
    if not terms:
        raise ValueError("no layer of the model is on the core: call elight.torch.convert(model) first")
    return torch.stack(terms).sum()
