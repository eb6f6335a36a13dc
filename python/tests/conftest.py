import sys, types, json
m = types.ModuleType("elight._elight")
def device(name, bits=None):
    if name != "elight" : raise ValueError(f"device `{name}`")
    bits = bits or 4
    if bits > 8: raise ValueError("9 bits")
    return name, bits, [0.872 ** (2**bits - 1 - k) for k in range(2**bits)], 0.872
m.device = device
import tomllib
m.noise = lambda n: json.dumps(tomllib.load(open(f"/work/main/src/sim/presets/{n}.toml","rb")))
sys.modules["elight._elight"] = m
