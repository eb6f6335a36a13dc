"""Plan, simulate and train networks for photonic tensor cores whose weights sit in phase-change (PCM) cells.

    import elight

    network = elight.load("weights.safetensors")      # a file, a folder of Hugging Face, an ONNX model, or a state dict
    plan = elight.plan(network, core="9x9")           # the order with the fewest writes, and its proof
    plan.writes, plan.bound                           # level steps of PCM cells an inference; proven: no plan needs fewer
    plan.per_layer                                    # one row a layer
    plan.schedule("weights.elight")                   # what the controller executes
    for step in elight.Schedule("weights.elight").steps():
        step.levels, step.inputs                      # numpy arrays [rows, lanes]
    elight.explore(network, core=["9x9", "16x16"], system="bench").front        # which core?

`elight.torch` trains PyTorch networks for such cores; it needs PyTorch, the rest needs numpy alone.
The same Rust code as behind the programs `elight-plan` and `elight-sim` does the work, and the same bytes come out.
"""

from ._elight import ElightError, __version__
from .explorations import Exploration, explore, merge
from .networks import Layer, Network, load
from .plans import Check, Comparison, Plan, check, compare, plan
from .schedules import Schedule, Step

__all__ = [
    "Check", "Comparison", "ElightError", "Exploration", "Layer", "Network", "Plan", "Schedule", "Step", "__version__",
    "check", "compare", "explore", "load", "merge", "plan",
]
