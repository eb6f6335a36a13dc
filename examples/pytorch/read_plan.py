#!/usr/bin/env python3
"""A schedule and a JSON report, read in plain Python: written from docs/schedule-format.md alone, needs no package.

    elight-plan net.safetensors --core 9x9 -o net.elight --json > net.json
    python read_plan.py net.elight net.json

In a notebook: `for step in steps(open("net.elight", "rb").read()): ...`
"""

import json
import struct
import sys
import zlib


class Fields:
    """The fields of a frame's body, one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("the body ends within a field")
        self.at += n
        return self.data[self.at - n : self.at]

    def u8(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def bytes(self):
        return self.take(self.varint())

    def f32(self):
        return struct.unpack("<f", self.take(4))[0]


class Bits:
    """A bit string, lowest bit first (section 3)."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bits(self, n):
        value = int.from_bytes(self.data[self.at // 8 : (self.at + n) // 8 + 1], "little") >> self.at % 8
        self.at += n
        if self.at > 8 * len(self.data):
            raise ValueError("the bits end within a record")
        return value & ((1 << n) - 1)

    def rice(self, k):
        q = 0
        while q < 20 and self.bits(1):
            q += 1
        return self.bits(32) if q == 20 else q << k | self.bits(k)


def unzigzag(x):
    return x >> 1 if x % 2 == 0 else -(x >> 1) - 1


def frames(data):
    """Kind and fields of every frame, each checked."""
    if data[:8] not in (b"elight\x00\x01", b"elight\x00\x02"):
        raise ValueError("not a schedule of version 1 or 2")
    at, seq = 8, 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "little")
        body = data[at + 2 : at + 2 + length]
        if data[at + 2 + length : at + 6 + length] != struct.pack("<I", zlib.crc32(data[at : at + 2 + length])):
            raise ValueError(f"frame {seq} is damaged")
        fields = Fields(body)
        if fields.varint() != seq:
            raise ValueError(f"frame {seq} carries another number")
        yield fields.varint(), fields
        at, seq = at + 6 + length, seq + 1


def read_header(f):
    keys = ["rows", "cols", "bits", "fanout", "reach", "lists", "window", "index_bytes", "max_frame", "layers", "ram"]
    kinds = [f.varint, f.varint, f.u8, f.varint, f.varint, f.varint, f.varint, f.u8, f.varint, f.varint, f.varint]
    header = {key: read() for key, read in zip(keys, kinds)}
    header["device"], header["device_crc"] = f.bytes().decode(), f.varint()
    header["reach"], header["lists"] = ["lane", "row", "core"][header["reach"]], ["level", "cell"][header["lists"]]
    return header


def read_layer(f):
    layer = {key: f.varint() for key in ["index", "rows", "cols", "groups", "tile_rows"]}
    layer["scale"] = f.f32() if f.varint() == 0 else None
    layer |= {key: f.u8() for key in ["change_rice", "cell_rice", "key_rice"]}
    layer["index_rice"], layer["name"] = [n for byte in f.bytes() for n in (byte & 15, byte >> 4)], f.bytes().decode()
    return layer


class ListSet:
    """The lists of an output, with reach `core`: where each goes on, and which columns are used."""

    def __init__(self, begin, pace, output, scale):
        self.begin, self.pace, self.output, self.scale = begin, pace, output, scale
        self.front, self.next, self.used = min(16 * begin, 2**32 - 1), {}, set()


class Tile:
    """One tile row: which output rows, and the state of the decoder that starts anew with it."""

    def __init__(self, f, header, layer):
        self.header, self.layer, self.visits = header, layer, header["reach"] == "core"
        self.index, self.steps = f.varint(), f.varint()
        entries, self.outputs, self.scales = Fields(f.bytes()), {}, {}
        for row in [] if self.visits else range(header["rows"]):
            output = entries.varint()
            if output:
                self.outputs[row] = output - 1
                self.scales[row] = entries.f32() if layer["scale"] is None else layer["scale"]
        self.rows = list(range(header["rows"]) if self.visits else self.outputs)  # those that have records
        self.level = {row: [None] * header["cols"] for row in self.rows}  # None: dark
        self.last = {row: {} for row in self.rows}
        self.used = {row: set() for row in self.rows}
        self.step, self.queue, self.done = 0, list(self.rows), {}
        self.sets = [ListSet(0, 0, None, None) for _ in self.rows] if self.visits else []
        self.set_of = {row: 0 for row in self.rows}
        self.lit = {}  # of each row group, with shared inputs

    def record(self, bits):
        """Reads the next row record; returns a whole step when it was the last one of it."""
        row = self.queue.pop(0)
        read = self.shared if self.header["fanout"] > 1 else self.visit if self.visits else self.own
        inputs = read(row, bits)
        self.done[row] = (list(self.level[row]), inputs)
        if self.queue:
            return None
        step, self.step, self.queue, self.done = self.done, self.step + 1, list(self.rows), {}
        outputs = dict(self.outputs)
        return {"layer": self.layer, "tile_row": self.index, "step": self.step - 1, "outputs": outputs, "rows": step}

    def key(self, row, lanes, bits):
        level = 0
        for lane in lanes:
            level += unzigzag(bits.rice(self.layer["key_rice"]))
            self.level[row][lane] = level

    def changes(self, bits):
        lane = -1
        for _ in range(bits.rice(self.layer["change_rice"])):
            lane += 1 + bits.rice(self.layer["cell_rice"])
            yield lane, bits.bits(self.header["bits"] + 1)

    def own(self, row, bits):
        """Sections 4 and 5: every cell has its own input."""
        level, cols, zero = self.level[row], self.header["cols"], 1 << self.header["bits"]
        if self.step == 0:
            every = bits.bits(1)
            self.key(row, [lane for lane in range(cols) if every or bits.bits(1)], bits)
        else:
            for lane, code in self.changes(bits):
                level[lane] = code - zero if code else None
                if self.header["lists"] == "cell" and self.header["reach"] == "row":
                    self.last[row].pop(lane, None)
        inputs = [None] * cols
        for lane in range(cols):
            if level[lane] is not None:
                gap = bits.rice(self.layer["index_rice"][level[lane] + zero - 1])
                inputs[lane] = self.input(row, lane, level[lane], gap)
        return inputs

    def input(self, row, lane, level, gap):
        last = self.last[row]
        if self.header["reach"] == "lane":
            last[lane] = last.get(lane, -1) + 1 + unzigzag(gap)
            return last[lane] * self.header["cols"] + lane
        window, columns = self.header["window"], self.layer["cols"]
        base = max(0, self.step * columns // self.steps - window // 2) // 32 * 32
        place = level if self.header["lists"] == "level" else lane
        column = last.get(place, -1) + 1
        marked = lambda p: base <= p < base + window and p in self.used[row]
        while marked(column) or gap:
            gap -= not marked(column)
            column += 1
        last[place] = column
        self.used[row].add(column)
        return column

    def visit(self, row, bits):
        """Section 7: core rows take turns at outputs."""
        level, cols, zero = self.level[row], self.header["cols"], 1 << self.header["bits"]
        width = lambda choices: (choices - 1).bit_length()
        head = bits.bits(2) if bits.bits(1) else None
        if head == 0:
            self.outputs.pop(row, None)
        if head in (2, 3):
            number = self.set_of[row] = bits.bits(width(self.header["rows"]))
            if bits.bits(1):
                output, scale = bits.bits(width(self.layer["rows"])), self.layer["scale"]
                scale = struct.unpack("<f", struct.pack("<I", bits.bits(32)))[0] if scale is None else scale
                self.sets[number] = ListSet(bits.bits(width(self.layer["cols"])), bits.bits(16), output, scale)
            self.outputs[row], self.scales[row] = self.sets[number].output, self.sets[number].scale
        if head in (1, 3) and bits.bits(1):
            level[:] = [None] * cols
            every = bits.bits(1)
            self.key(row, [lane for lane in range(cols) if every or bits.bits(1)], bits)
        elif head in (1, 3):
            for lane, code in self.changes(bits):
                level[lane] = code - zero if code else None
        inputs = [None] * cols
        if row not in self.outputs:
            return inputs
        lists, window = self.sets[self.set_of[row]], self.header["window"]
        base = max(0, lists.front // 16 - window // 2) // 32 * 32
        for lane in range(cols):
            if level[lane] is None or lists.next.get(level[lane], lists.begin) is None:
                continue
            gap, column = bits.rice(self.layer["index_rice"][level[lane] + zero - 1]), lists.next.get(level[lane], lists.begin)
            marked = lambda p: base <= p < base + window and p in lists.used
            while column < self.layer["cols"] and (marked(column) or gap):
                gap -= not marked(column)
                column += 1
            ended = column >= self.layer["cols"]
            lists.next[level[lane]] = None if ended else column + 1
            if not ended:
                lists.used.add(column) if base <= column < base + window else None
                inputs[lane] = column
        lists.front = min(lists.front + lists.pace, 2**32 - 1)
        return inputs

    def shared(self, row, bits):
        """Section 6: the rows of a group share the inputs."""
        cols, zero, n = self.header["cols"], 1 << self.header["bits"], self.header["fanout"]
        if not any(other // n == row // n and other < row for other in self.outputs):
            lit = list(range(cols)) if self.step == 0 else [lane for lane, _ in self.lit[row // n]]
            if not bits.bits(1):
                lit = [lane for lane in range(cols) if bits.bits(1)]
            k = -(-self.layer["cols"] // cols) if self.header["reach"] == "lane" else self.layer["cols"]
            numbers = [bits.bits((k - 1).bit_length()) for _ in lit]
            column = lambda lane, x: x * cols + lane if self.header["reach"] == "lane" else x
            self.lit[row // n] = [(lane, column(lane, x)) for lane, x in zip(lit, numbers)]
        inputs = [None] * cols
        for lane, column in self.lit[row // n]:
            inputs[lane] = column
        level = self.level[row]
        lit = [lane for lane, _ in self.lit[row // n]]
        for lane in set(range(cols)) - set(lit):
            level[lane] = None
        if self.step == 0:
            self.key(row, lit, bits)
        else:
            codes = self.changes(bits) if bits.bits(1) else [(lane, bits.bits(self.header["bits"] + 1)) for lane in lit]
            for lane, code in codes:
                level[lane] = code - zero
        return inputs


def steps(data, found=None):
    """Every step of a schedule: {layer, tile_row, step, outputs, rows: {core row: (levels, inputs)}}; dark cells are None.

    `found`, a dict, gets the header, the layers, and the totals of the End frame.
    """
    found = {} if found is None else found
    found["layers"] = []
    header = layer = tile = None
    for kind, f in frames(data):
        if kind == 0:
            found["header"] = header = read_header(f)
        elif kind == 1:
            layer = read_layer(f)
            found["layers"].append(layer)
        elif kind == 2:
            tile = Tile(f, header, layer)
        elif kind == 3:
            if (f.varint(), f.varint()) != (tile.step, tile.queue[0]):
                raise ValueError("a Steps frame at another place")
            records, bits = f.varint(), Bits(f.bytes())
            for _ in range(records):
                step = tile.record(bits)
                if step:
                    yield step
        elif kind == 4:
            keys = ["steps", "weights", "first_writes", "first_events", "writes", "events"]
            found["end"] = {key: f.varint() for key in keys}


def count(data):
    """Runs a schedule twice and counts: header, layers, end, and what was `counted`, named as in the End frame."""
    found, held, counts = {}, {}, []
    for _ in range(2):
        totals = {"steps": 0, "weights": 0, "writes": 0, "events": 0}
        for step in steps(data, found):
            totals["steps"] += 1
            for row, (levels, inputs) in step["rows"].items():
                for lane, level in enumerate(levels):
                    totals["weights"] += inputs[lane] is not None
                    if level is not None and level != held.get((row, lane), 0):
                        before, held[row, lane] = held.get((row, lane), 0), level
                        totals["writes"] += abs(level - before)
                        # A change of sign moves both cells of the pair.
                        totals["events"] += (max(level, 0) != max(before, 0)) + (min(level, 0) != min(before, 0))
        counts.append(totals)
    first, later = counts
    found["counted"] = later | {"first_writes": first["writes"], "first_events": first["events"]}
    return found


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    found = count(open(sys.argv[1], "rb").read())
    header = found["header"]
    print(f"{header['rows']}x{header['cols']} core of {header['bits']}-bit cells `{header['device']}`, fanout {header['fanout']}, reach {header['reach']}")
    for layer in found["layers"]:
        print(f"  {layer['name']}: {layer['rows']}x{layer['cols']}, {layer['tile_rows']} tile rows")
    same = all(found["counted"][key] == value for key, value in found["end"].items())
    print(f"counted {found['counted']}: {'as' if same else 'NOT as'} the End frame says")
    if len(sys.argv) == 3:
        report = json.load(open(sys.argv[2]))
        planned = report["orders"][report["order"]]["per_inference"]
        natural = report["orders"]["natural"]["per_inference"]["writes"]
        print(f"report: {planned['writes']} writes, {planned['energy_pj'] / 1e6:.3f} uJ, {planned['time_us'] / 1e3:.2f} ms an inference; "
              f"{natural / max(planned['writes'], 1):.1f} times fewer writes than natural, bound {report['lower_bound_writes']}")
        same = same and planned["writes"] == found["counted"]["writes"] and planned["events"] == found["counted"]["events"]
    sys.exit(0 if same else "error: the counts differ")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"error: {error}")
    except (ValueError, KeyError) as error:
        sys.exit(f"error: {' or '.join(sys.argv[1:])}: no schedule or no report, or damaged: {error}")
