//! A schedule read as docs/schedule-format.md describes it, plainly: one bit after the other, one flag a column, nothing shared with the decoder
//! that it is compared with. For cores whose rows share no inputs.
#![allow(dead_code)] // each target uses its part

/// What a core holds and multiplies in one step: of each core row, level and input of its active cells, and of every cell its level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// (core row, column, signed level, element of the input vector).
    pub active: Vec<(usize, usize, i32, u64)>,
    /// Signed level of each weight cell.
    pub levels: Vec<i32>,
}

/// What a schedule does, from the given levels on; `None` where it is no schedule. Says nothing of what comes behind its first flaw.
pub fn read(bytes: &[u8], mut levels: Vec<i32>) -> (Vec<Step>, Option<Vec<i32>>) {
    let mut steps = Vec::new();
    let whole = Reader { bytes: bytes.get(8..).unwrap_or_default() }.schedule(&mut levels, &mut steps).is_some();
    (steps, whole.then_some(levels))
}

struct Reader<'a> {
    bytes: &'a [u8],
}

struct Layer {
    rows: u64,
    cols: u64,
    groups: u64,
    tile_rows: u64,
    scale_by_row: bool,
    change: u32,
    cell: u32,
    key: u32,
    index: Vec<u8>,
}

/// Fields of a frame's body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.varint()?;
        self.take(len as usize)
    }
}

/// A record's bits.
struct Bits<'a>(&'a [u8], usize);

impl Bits<'_> {
    fn bit(&mut self) -> Option<bool> {
        let byte = self.0.get(self.1 / 8)?;
        self.1 += 1;
        Some(byte >> ((self.1 - 1) % 8) & 1 == 1)
    }

    fn bits(&mut self, n: u32) -> Option<u64> {
        (0..n).try_fold(0, |number, i| Some(number | u64::from(self.bit()?) << i))
    }

    fn rice(&mut self, k: u32) -> Option<u64> {
        let mut q = 0;
        while q < 20 && self.bit()? {
            q += 1;
        }
        if q < 20 { Some(q << k | self.bits(k)?) } else { self.bits(32) }
    }
}

fn unzigzag(x: u64) -> i64 {
    if x.is_multiple_of(2) { (x / 2) as i64 } else { -(x.div_ceil(2) as i64) }
}

impl Reader<'_> {
    fn frame(&mut self, seq: u64, kind: u64) -> Option<Fields<'_>> {
        let len = usize::from(u16::from_le_bytes(*self.bytes.first_chunk()?));
        let body = self.bytes.get(2..2 + len)?;
        self.bytes = self.bytes.get(2 + len + 4..)?;
        let mut fields = Fields(body);
        (fields.varint()? == seq && fields.varint()? == kind).then_some(fields)
    }

    fn schedule(&mut self, levels: &mut [i32], steps: &mut Vec<Step>) -> Option<()> {
        let mut header = self.frame(0, 0)?;
        let (rows, cols) = (header.varint()? as usize, header.varint()? as usize);
        let bits = u32::from(header.byte()?);
        let fanout = header.varint()?;
        let (reach, by_cell) = (header.varint()?, header.varint()? == 1);
        let by_row = reach == 1;
        let window = header.varint()?;
        header.byte()?;
        header.varint()?;
        let layers = header.varint()?;
        if fanout != 1 {
            return None;
        }
        let mut seq = 1;
        for _ in 0..layers {
            let mut fields = self.frame(seq, 1)?;
            seq += 1;
            fields.varint()?;
            let (out, inputs) = (fields.varint()?, fields.varint()?);
            let (groups, tile_rows) = (fields.varint()?, fields.varint()?);
            let scale_by_row = fields.varint()? == 1;
            if !scale_by_row {
                fields.take(4)?;
            }
            let [change, cell, key] = [fields.byte()?, fields.byte()?, fields.byte()?].map(u32::from);
            let index = fields.bytes()?.to_vec();
            let layer = Layer { rows: out, cols: inputs, groups, tile_rows, scale_by_row, change, cell, key, index };
            for _ in 0..layer.tile_rows {
                let core = Core { rows, cols, bits, by_row, by_cell, window };
                if reach == 2 {
                    self.visits(&mut seq, &core, &layer, levels, steps)?;
                } else {
                    self.tile_row(&mut seq, &core, &layer, levels, steps)?;
                }
            }
        }
        self.frame(seq, 4)?;
        Some(())
    }

    fn tile_row(
        &mut self,
        seq: &mut u64,
        core: &Core,
        layer: &Layer,
        levels: &mut [i32],
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let mut fields = self.frame(*seq, 2)?;
        *seq += 1;
        fields.varint()?;
        let count = fields.varint()?;
        let mut entries = Fields(fields.bytes()?);
        let mut used: Vec<(usize, Row)> = Vec::new();
        for row in 0..core.rows {
            if let Some(output) = entries.varint()?.checked_sub(1) {
                if layer.scale_by_row {
                    entries.take(4)?;
                }
                let base = output.checked_div(layer.rows.checked_div(layer.groups)?)? * layer.cols;
                used.push((row, Row::new(core, base)));
            }
        }
        let mut body: Vec<u8> = Vec::new();
        let (mut at, mut records) = (0, 0);
        for step in 0..count {
            let front = u128::from(step) * u128::from(layer.cols) / u128::from(count);
            let start = (front as u64).saturating_sub(core.window / 2) / 32 * 32;
            for (row, state) in &mut used {
                if records == 0 {
                    let mut fields = self.frame(*seq, 3)?;
                    *seq += 1;
                    if fields.varint()? != step || fields.varint()? != *row as u64 {
                        return None;
                    }
                    records = fields.varint()?;
                    body = fields.bytes()?.to_vec();
                    at = 0;
                }
                let mut bits = Bits(&body, at);
                let own = levels.get_mut(*row * core.cols..)?.get_mut(..core.cols)?;
                state.record(core, layer, &mut bits, step == 0, (start, start + core.window), own)?;
                at = bits.1;
                records -= 1;
            }
            let active = used.iter().flat_map(|(row, state)| {
                state.inputs.iter().enumerate().filter_map(|(col, input)| Some((*row, col, state.codes[col]?, (*input)?)))
            });
            steps.push(Step { active: active.collect(), levels: levels.to_vec() });
        }
        Some(())
    }
}

/// Core rows that take turns at outputs (section 7).
impl Reader<'_> {
    fn visits(
        &mut self,
        seq: &mut u64,
        core: &Core,
        layer: &Layer,
        levels: &mut [i32],
        steps: &mut Vec<Step>,
    ) -> Option<()> {
        let mut fields = self.frame(*seq, 2)?;
        *seq += 1;
        fields.varint()?;
        let count = fields.varint()?;
        let mut rows: Vec<Visitor> = (0..core.rows).map(|_| Visitor::new(core)).collect();
        let mut sets: Vec<ListSet> = (0..core.rows).map(|_| ListSet::new(core, 0, 0)).collect();
        let mut body: Vec<u8> = Vec::new();
        let (mut at, mut records) = (0, 0);
        for step in 0..count {
            for (number, row) in rows.iter_mut().enumerate() {
                if records == 0 {
                    let mut fields = self.frame(*seq, 3)?;
                    *seq += 1;
                    if fields.varint()? != step || fields.varint()? != number as u64 {
                        return None;
                    }
                    records = fields.varint()?;
                    body = fields.bytes()?.to_vec();
                    at = 0;
                }
                let mut bits = Bits(&body, at);
                let own = levels.get_mut(number * core.cols..)?.get_mut(..core.cols)?;
                row.record(core, layer, &mut bits, &mut sets, own)?;
                at = bits.1;
                records -= 1;
            }
            if rows.iter().all(|row| row.base.is_none()) {
                return None;
            }
            let active = rows.iter().enumerate().flat_map(|(number, row)| {
                let cells = row.inputs.iter().enumerate();
                cells.filter_map(move |(col, input)| Some((number, col, row.codes[col]?, (*input)?)))
            });
            steps.push(Step { active: active.collect(), levels: levels.to_vec() });
        }
        Some(())
    }
}

/// The bits that name one of so many.
fn width(choices: u64) -> u32 {
    (0..).find(|&w| 1u64 << w >= choices).unwrap_or(0)
}

/// The lists of an output.
struct ListSet {
    /// Where each goes on; none at its end.
    next: Vec<Option<u64>>,
    marked: std::collections::HashSet<u64>,
    front: u64,
    pace: u64,
    /// First input of its output.
    base: Option<u64>,
}

impl ListSet {
    fn new(core: &Core, begin: u64, pace: u64) -> Self {
        let next = vec![Some(begin); 1 << (core.bits + 1)];
        Self { next, marked: std::collections::HashSet::new(), front: (16 * begin).min(u32::MAX.into()), pace, base: None }
    }
}

/// A core row that takes turns.
struct Visitor {
    /// First input of its output; none where it rests.
    base: Option<u64>,
    set: usize,
    codes: Vec<Option<i32>>,
    inputs: Vec<Option<u64>>,
}

impl Visitor {
    fn new(core: &Core) -> Self {
        Self { base: None, set: 0, codes: vec![None; core.cols], inputs: vec![None; core.cols] }
    }

    fn record(
        &mut self,
        core: &Core,
        layer: &Layer,
        bits: &mut Bits<'_>,
        sets: &mut [ListSet],
        levels: &mut [i32],
    ) -> Option<()> {
        let middle = 1i64 << core.bits;
        let kind = if bits.bit()? { Some(bits.bits(2)?) } else { None };
        if kind == Some(0) {
            self.base = None;
        }
        if let Some(2 | 3) = kind {
            self.set = usize::try_from(bits.bits(width(core.rows as u64))?).ok().filter(|set| *set < core.rows)?;
            if bits.bit()? {
                let output = bits.bits(width(layer.rows))?;
                if layer.scale_by_row && !f32::from_bits(bits.bits(32)? as u32).is_finite() || output >= layer.rows {
                    return None;
                }
                let (begin, pace) = (bits.bits(width(layer.cols))?, bits.bits(16)?);
                if begin >= layer.cols {
                    return None;
                }
                sets[self.set] = ListSet::new(core, begin, pace);
                sets[self.set].base = Some(output.checked_div(layer.rows.checked_div(layer.groups)?)? * layer.cols);
            }
            self.base = Some(sets[self.set].base?);
        }
        if let Some(1 | 3) = kind {
            self.base?;
            let all = bits.bit()?;
            let mut level = 0i64;
            let mut has = Vec::new();
            if all {
                let every = bits.bit()?;
                has = (0..core.cols).map(|_| if every { Some(true) } else { bits.bit() }).collect::<Option<_>>()?;
                self.codes.fill(None);
            }
            for col in (0..has.len()).filter(|col| has[*col]) {
                level += unzigzag(bits.rice(layer.key)?);
                if level.abs() >= middle {
                    return None;
                }
                (self.codes[col], levels[col]) = (Some(level as i32), level as i32);
            }
            let mut cell = -1i64;
            for _ in 0..if all { 0 } else { bits.rice(layer.change)? } {
                cell += 1 + bits.rice(layer.cell)? as i64;
                let code = bits.bits(core.bits + 1)? as i64;
                let place = self.codes.get_mut(usize::try_from(cell).ok()?)?;
                *place = (code != 0).then(|| (code - middle) as i32);
                if let Some(level) = *place {
                    levels[cell as usize] = level;
                }
            }
        }
        self.inputs.fill(None);
        let Some(base) = self.base else { return Some(()) };
        let set = &mut sets[self.set];
        let start = (set.front / 16).saturating_sub(core.window / 2) / 32 * 32;
        let window = start..start + core.window;
        for (code, input) in self.codes.iter().zip(&mut self.inputs) {
            let Some(level) = code else { continue };
            let nibble = (i64::from(*level) + middle - 1) as usize;
            let Some(next) = set.next[nibble] else { continue };
            let k = layer.index.get(nibble / 2)? >> (nibble % 2 * 4) & 15;
            let number = bits.rice(k.into())?;
            let mut free = (next..layer.cols).filter(|p| !(window.contains(p) && set.marked.contains(p)));
            let column = free.nth(usize::try_from(number).ok()?);
            set.next[nibble] = column.map(|column| column + 1);
            if let Some(column) = column {
                if window.contains(&column) {
                    set.marked.insert(column);
                }
                *input = Some(base + column);
            }
        }
        set.front = (set.front + set.pace).min(u32::MAX.into());
        Some(())
    }
}

struct Core {
    rows: usize,
    cols: usize,
    bits: u32,
    by_row: bool,
    by_cell: bool,
    window: u64,
}

/// A core row in a tile row.
struct Row {
    base: u64,
    /// Level of each active cell.
    codes: Vec<Option<i32>>,
    /// Element that feeds it.
    inputs: Vec<Option<u64>>,
    /// The last column of each list; lists by level or by cell.
    last: Vec<i64>,
    marked: std::collections::HashSet<u64>,
}

impl Row {
    fn new(core: &Core, base: u64) -> Self {
        let lists = if core.by_cell { core.cols } else { 1 << (core.bits + 1) };
        Self {
            base,
            codes: vec![None; core.cols],
            inputs: vec![None; core.cols],
            last: vec![-1; lists],
            marked: std::collections::HashSet::new(),
        }
    }

    fn record(
        &mut self,
        core: &Core,
        layer: &Layer,
        bits: &mut Bits<'_>,
        key: bool,
        (start, end): (u64, u64),
        levels: &mut [i32],
    ) -> Option<()> {
        let middle = 1i64 << core.bits;
        if key {
            let all = bits.bit()?;
            let active: Vec<bool> = (0..core.cols).map(|_| if all { Some(true) } else { bits.bit() }).collect::<Option<_>>()?;
            let mut level = 0i64;
            for col in (0..core.cols).filter(|col| active[*col]) {
                level += unzigzag(bits.rice(layer.key)?);
                self.codes[col] = Some(level as i32);
                levels[col] = level as i32;
            }
        } else {
            let mut cell = -1i64;
            for _ in 0..bits.rice(layer.change)? {
                cell += 1 + bits.rice(layer.cell)? as i64;
                let code = bits.bits(core.bits + 1)? as i64;
                let place = self.codes.get_mut(usize::try_from(cell).ok()?)?;
                *place = (code != 0).then(|| (code - middle) as i32);
                if let Some(level) = *place {
                    levels[cell as usize] = level;
                }
                if core.by_row && core.by_cell {
                    self.last[cell as usize] = -1;
                }
            }
        }
        self.inputs.fill(None);
        for col in 0..core.cols {
            let Some(level) = self.codes[col] else { continue };
            // The nibble of level v is v + B, and 2^b = B + 1.
            let nibble = (i64::from(level) + middle - 1) as usize;
            let k = layer.index.get(nibble / 2)? >> (nibble % 2 * 4) & 15;
            let number = bits.rice(k.into())?;
            let list = if core.by_cell { col } else { (i64::from(level) + middle) as usize };
            let last = self.last.get_mut(list)?;
            let column = if core.by_row {
                let counts = |p: &u64| !((start..end).contains(p) && self.marked.contains(p));
                let column = ((*last + 1) as u64..layer.cols).filter(counts).nth(usize::try_from(number).ok()?)?;
                *last = column as i64;
                if (start..end).contains(&column) {
                    self.marked.insert(column);
                }
                column
            } else {
                *last += 1 + unzigzag(number);
                u64::try_from(*last).ok()? * core.cols as u64 + col as u64
            };
            if column >= layer.cols {
                return None;
            }
            self.inputs[col] = Some(self.base + column);
        }
        Some(())
    }
}
