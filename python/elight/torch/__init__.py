"""Train PyTorch networks for photonic cores.

    import elight.torch as pcm

    model = pcm.convert(model, bits=4, scale="row", input_bits=4)           # layers compute with the levels of PCM cells
    loss = criterion(model(x), y) + 10 * pcm.write_loss(model, "quantile", core="9x9")
    pcm.export(model, x[:1], "model.safetensors", core="9x9")               # elight.plan("model.safetensors") needs no more

The mathematics is that of elight-train (docs/training.md): the tests compare values and gradients with vectors made by running ELight's code.
Needs PyTorch 2.2 or newer.
"""

from .device import Cell
from .export import describe, export, network
from .inputs import InputQuantizer
from .layers import PcmConv1d, PcmConv2d, PcmConv3d, PcmLinear, convert, pcm_layers
from .losses import METHODS, layer_loss, write_loss
from .noise import Noise
from .ramp import Ramp
from .weights import WeightQuantizer

__all__ = [
    "METHODS", "Cell", "InputQuantizer", "Noise", "PcmConv1d", "PcmConv2d", "PcmConv3d", "PcmLinear", "Ramp",
    "WeightQuantizer", "convert", "describe", "export", "layer_loss", "network", "pcm_layers", "write_loss",
]
