"""Exported models plan as what they are: order, groups, orientation, ties and input vectors, without a guess."""

import pytest

torch = pytest.importorskip("torch")

import elight
import elight.torch as pcm


class Branches(torch.nn.Module):
    """Declared in another order than it runs, grouped, strided, with a transposed convolution and a tied layer."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(12, 7)
        self.up = torch.nn.ConvTranspose2d(8, 3, 2, stride=2)
        self.middle = torch.nn.Conv2d(4, 8, 3, padding=1, groups=2)
        self.stem = torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.again = torch.nn.Linear(12, 7)
        self.again.weight = self.head.weight

    def forward(self, x):
        x = self.up(self.middle(self.stem(x)))
        x = x.flatten(1)[:, :12]
        return self.head(x) + self.again(x)


def test_a_model_says_what_it_is(tmp_path):
    path = pcm.export(Branches(), torch.zeros(1, 3, 8, 8), tmp_path / "net.safetensors", core="4x5")
    network = elight.load(path)
    found = [(layer.name, layer.rows, layer.cols, layer.groups, layer.vectors) for layer in network.layers]
    assert found[0] == ("stem.weight", 4, 27, 1, 16)
    assert found[1] == ("middle.weight", 8, 18, 2, 16)
    assert found[2][:3] == ("up.weight", 12, 8) and found[2][4] == 16
    assert found[3] == ("head.weight", 7, 12, 1, 1)
    assert {layer.certainty for layer in network.layers} == {"stated"}
    assert elight.plan(path).report_data["core"] == "4x5"


def test_a_converted_model_says_its_cells(tmp_path):
    model = pcm.convert(torch.nn.Sequential(torch.nn.Linear(9, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4)), bits=3, scale="layer", reparam="tanh")
    path = pcm.export(model, torch.zeros(1, 9), tmp_path / "net.safetensors", core=(3, 3))
    report = elight.plan(path).report_data
    assert (report["bits"], report["scale"], report["reparam"], report["core"]) == (3, "layer", "tanh", "3x3")
    with pytest.raises(elight.ElightError, match="bits"):
        elight.plan(path, bits=4)


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "mobilenet_v3_small", "efficientnet_b0", "squeezenet1_1", "shufflenet_v2_x0_5", "densenet121",
                                  "googlenet", "mnasnet0_5", "regnet_y_400mf", "convnext_tiny", "alexnet"])
def test_torchvision(name, tmp_path):
    models = pytest.importorskip("torchvision.models")
    options = {"init_weights": False} if name == "googlenet" else {}
    model = getattr(models, name)(weights=None, **options)
    path = pcm.export(model, torch.zeros(1, 3, 224, 224), tmp_path / "net.safetensors")
    network = elight.load(path)
    multiplied = sum(m.weight.numel() for m in model.eval().modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)))
    skipped = sum(m.weight.numel() for n, m in model.named_modules() if n.startswith("aux") and hasattr(m, "weight") and m.weight.dim() > 1)
    assert sum(layer.weights for layer in network.layers) == multiplied - skipped
    assert all(layer.certainty == "stated" and layer.vectors for layer in network.layers)


def test_a_network_needs_no_file(tmp_path):
    model, x = Branches(), torch.zeros(1, 3, 8, 8)
    network = pcm.network(model, x, core="4x5")
    of_file = elight.load(pcm.export(model, x, tmp_path / "net.safetensors", core="4x5"))
    assert network.layers == of_file.layers and network.metadata == of_file.metadata
    assert bytes(elight.plan(network).schedules[0]) == bytes(elight.plan(of_file).schedules[0])
