//! How deep the stack of a linked image can get: the instructions that move the stack pointer, and the calls between functions.
//!
//! Read from the machine code itself, so that nothing depends on how the parts of the image were compiled. A frame is taken as the sum of
//! everything that a function takes from the stack anywhere: at least what it takes on any path.

use std::collections::{BTreeMap, BTreeSet};

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// What one instruction does, as far as the stack and calls are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing of interest.
    Other,
    /// Takes bytes from the stack.
    Takes(u32),
    /// Goes, or may go, to an address.
    Goes(u32),
    /// Goes to an address that only the running program knows.
    Indirect,
    /// Sets the stack pointer in a way that says nothing of the frame.
    SetsStack,
}

/// Length in bytes and effect of the instruction at `address`, whose halfwords are `first` and, if it is long, `second`.
#[must_use]
pub fn instruction(address: u32, first: u16, second: u16) -> (u32, Effect) {
    if first >> 11 >= 0b11101 { (4, long(address, first, second)) } else { (2, short(address, first)) }
}

fn sign_extend(value: u32, bits: u32) -> u32 {
    ((value << (32 - bits)) as i32 >> (32 - bits)) as u32
}

fn short(address: u32, h: u16) -> Effect {
    let pc = address.wrapping_add(4);
    let wide = u32::from(h);
    match h {
        _ if h & 0xFE00 == 0xB400 => Effect::Takes(4 * (h & 0x1FF).count_ones()),
        _ if h & 0xFF80 == 0xB080 => Effect::Takes(4 * (wide & 0x7F)),
        _ if h & 0xF800 == 0xE000 => Effect::Goes(pc.wrapping_add(sign_extend((wide & 0x7FF) << 1, 12))),
        _ if h & 0xF000 == 0xD000 && h & 0x0F00 < 0x0E00 => {
            Effect::Goes(pc.wrapping_add(sign_extend((wide & 0xFF) << 1, 9)))
        }
        // bx lr returns; bx and blx of another register go anywhere.
        0x4770 => Effect::Other,
        _ if h & 0xFF07 == 0x4700 => Effect::Indirect,
        // mov and add with a high register as destination: the stack pointer or the program counter.
        _ if h & 0xFD87 == 0x4485 => Effect::SetsStack,
        _ if h & 0xFD87 == 0x4487 => Effect::Indirect,
        _ => Effect::Other,
    }
}

/// The twelve bits of a modified constant, expanded.
fn modified_constant(i: u32, imm3: u32, imm8: u32) -> u32 {
    let code = i << 11 | imm3 << 8 | imm8;
    match code >> 8 {
        0 => imm8,
        1 => imm8 << 16 | imm8,
        2 => imm8 << 24 | imm8 << 8,
        3 => imm8 << 24 | imm8 << 16 | imm8 << 8 | imm8,
        _ => (0x80 | (code & 0x7F)).rotate_right(code >> 7),
    }
}

fn long(address: u32, h: u16, l: u16) -> Effect {
    let pc = address.wrapping_add(4);
    let (hi, lo) = (u32::from(h), u32::from(l));
    if h & 0xF800 == 0xF000 && l & 0x8000 != 0 {
        let (s, j1, j2) = (hi >> 10 & 1, lo >> 13 & 1, lo >> 11 & 1);
        return match l & 0xD000 {
            // bl, b.w
            0xD000 | 0x9000 => {
                let (i1, i2) = (1 ^ j1 ^ s, 1 ^ j2 ^ s);
                let offset = s << 24 | i1 << 23 | i2 << 22 | (hi & 0x3FF) << 12 | (lo & 0x7FF) << 1;
                Effect::Goes(pc.wrapping_add(sign_extend(offset, 25)))
            }
            // b<condition>.w, but not the hints and barriers that lie among them
            0x8000 if hi >> 6 & 0xF < 14 => {
                let offset = s << 20 | j2 << 19 | j1 << 18 | (hi & 0x3F) << 12 | (lo & 0x7FF) << 1;
                Effect::Goes(pc.wrapping_add(sign_extend(offset, 21)))
            }
            _ => Effect::Other,
        };
    }
    let destination = lo >> 8 & 0xF;
    match h {
        0xE92D => Effect::Takes(4 * l.count_ones()),                // push.w
        0xF84D if l & 0x0F00 == 0x0D00 => Effect::Takes(lo & 0xFF), // str rt, [sp, #-n]!
        0xE96D => Effect::Takes(4 * (lo & 0xFF)),                   // strd rt, rt2, [sp, #-n]!
        0xED2D | 0xED6D if l & 0x0E00 == 0x0A00 => Effect::Takes(4 * (lo & 0xFF)), // vpush
        // sub sp, sp, #constant; the long form of it
        _ if h & 0xFBEF == 0xF1AD && destination == 13 => {
            Effect::Takes(modified_constant(hi >> 10 & 1, lo >> 12 & 7, lo & 0xFF))
        }
        _ if h & 0xFBFF == 0xF2AD && destination == 13 => {
            Effect::Takes((hi >> 10 & 1) << 11 | (lo >> 12 & 7) << 8 | lo & 0xFF)
        }
        // add sp, sp, #constant gives back.
        _ if (h & 0xFBEF == 0xF10D || h & 0xFBFF == 0xF20D) && destination == 13 => Effect::Other,
        // Any other arithmetic with the stack pointer as its result.
        _ if (h & 0xF800 == 0xF000 || h & 0xFE00 == 0xEA00) && destination == 13 && h & 0x0010 == 0 => {
            Effect::SetsStack
        }
        // Loads into the program counter: from the stack they return.
        0xF85D if l == 0xFB04 => Effect::Other,
        _ if h & 0xFF70 == 0xF850 && l & 0xF000 == 0xF000 => Effect::Indirect,
        _ => Effect::Other,
    }
}

/// A function of the image.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// Its name, demangled as far as the symbol table says.
    pub name: String,
    /// Bytes of its code; 0 where the symbol table does not say.
    pub size: u32,
    /// Bytes that it takes from the stack.
    pub frame: u32,
    /// Addresses of the functions that it calls.
    pub calls: BTreeSet<u32>,
    /// Where it goes to an address that is not known.
    pub indirect: Vec<u32>,
    /// Where it sets the stack pointer in a way that says nothing of the frame.
    pub sets_stack: Vec<u32>,
}

/// The functions of an image by address.
#[derive(Clone, Debug, Default)]
pub struct CallGraph {
    /// The functions.
    pub functions: BTreeMap<u32, Function>,
}

impl CallGraph {
    /// Reads the machine code of an ELF file.
    pub fn read(elf: &object::File<'_>) -> Self {
        let mut functions: BTreeMap<u32, Function> = BTreeMap::new();
        let mut marks: BTreeMap<u32, bool> = BTreeMap::new();
        for symbol in elf.symbols() {
            let name = symbol.name().unwrap_or_default();
            let address = symbol.address() as u32;
            match name.get(..2) {
                Some("$t") => {
                    marks.insert(address, true);
                }
                Some("$d") => {
                    marks.insert(address, false);
                }
                _ if symbol.kind() == SymbolKind::Text && symbol.is_definition() => {
                    let name = format!("{:#}", rustc_demangle::demangle(name));
                    let size = symbol.size() as u32;
                    functions.insert(address & !1, Function { name, size, ..Function::default() });
                }
                _ => {}
            }
        }
        let mut graph = Self { functions };
        for section in elf.sections().filter(|s| s.kind() == object::SectionKind::Text) {
            graph.read_code(section.address() as u32, section.data().unwrap_or_default(), &marks);
        }
        graph
    }

    fn read_code(&mut self, base: u32, code: &[u8], marks: &BTreeMap<u32, bool>) {
        let half = |at: u32| {
            let i = (at - base) as usize;
            code.get(i..i + 2).map(|b| u16::from_le_bytes([b[0], b[1]]))
        };
        let mut at = base;
        while let Some(first) = half(at) {
            if marks.range(..=at).next_back().is_some_and(|(_, code)| !code) {
                at += 2;
                continue;
            }
            // What the linker fills gaps with is no code.
            if self.function_at(at).is_some_and(|start| (1..=at - start).contains(&self.functions[&start].size)) {
                at += 2;
                continue;
            }
            let (length, effect) = instruction(at, first, half(at + 2).unwrap_or_default());
            let inside = self.function_at(at);
            let target = match effect {
                Effect::Goes(to) => self.function_at(to).filter(|to| Some(*to) != inside),
                _ => None,
            };
            // A jump to the own start is a loop, a bl to it is a call.
            let is_call = first >> 11 == 0b11110 && half(at + 2).is_some_and(|l| l & 0xD000 == 0xD000);
            if let Some(function) = inside.and_then(|start| self.functions.get_mut(&start)) {
                match effect {
                    Effect::Other => {}
                    Effect::Takes(bytes) => function.frame += bytes,
                    Effect::Goes(to) if is_call && Some(to) == inside => {
                        function.calls.insert(to);
                    }
                    Effect::Goes(_) => function.calls.extend(target),
                    Effect::Indirect => function.indirect.push(at),
                    Effect::SetsStack => function.sets_stack.push(at),
                }
            }
            at += length;
        }
    }

    /// Start of the function that the address belongs to.
    pub fn function_at(&self, address: u32) -> Option<u32> {
        self.functions.range(..=address).next_back().map(|(start, _)| *start)
    }

    /// Names of the functions that call the one at `address`.
    pub fn callers(&self, address: u32) -> Vec<&str> {
        self.functions.values().filter(|f| f.calls.contains(&address)).map(|f| f.name.as_str()).collect()
    }

    /// The deepest chain of calls from `root` on: bytes, and the functions.
    ///
    /// # Errors
    /// What makes the depth unknown: recursion, a call to an address that is not known, or a stack pointer set by other means.
    pub fn depth(&self, root: u32) -> Result<(u32, Vec<u32>), String> {
        let mut known = BTreeMap::new();
        self.depth_of(root, &mut Vec::new(), &mut known)
    }

    fn depth_of(
        &self,
        root: u32,
        above: &mut Vec<u32>,
        known: &mut BTreeMap<u32, (u32, Vec<u32>)>,
    ) -> Result<(u32, Vec<u32>), String> {
        if let Some(depth) = known.get(&root) {
            return Ok(depth.clone());
        }
        let function = self.functions.get(&root).ok_or_else(|| format!("no function at {root:#x}"))?;
        if above.contains(&root) {
            return Err(format!("{} calls itself", function.name));
        }
        if let Some(at) = function.indirect.first() {
            return Err(format!("{} goes to an address that is not known, at {at:#x}", function.name));
        }
        if let Some(at) = function.sets_stack.first() {
            return Err(format!("{} sets the stack pointer, at {at:#x}", function.name));
        }
        above.push(root);
        let mut deepest = (0, Vec::new());
        for &call in &function.calls {
            let depth = self.depth_of(call, above, known)?;
            if depth.0 > deepest.0 || deepest.1.is_empty() {
                deepest = depth;
            }
        }
        above.pop();
        let mut chain = vec![root];
        chain.extend(deepest.1);
        let depth = (function.frame + deepest.0, chain);
        known.insert(root, depth.clone());
        Ok(depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as an assembler gives them, and what they do.
    #[test]
    fn instructions_are_understood() {
        let effect = |first, second| instruction(0x1000, first, second);
        assert_eq!(effect(0xB5B0, 0), (2, Effect::Takes(16))); // push {r4, r5, r7, lr}
        assert_eq!(effect(0xB08A, 0), (2, Effect::Takes(40))); // sub sp, #40
        assert_eq!(effect(0xB00A, 0), (2, Effect::Other)); // add sp, #40
        assert_eq!(effect(0xE92D, 0x0FF0), (4, Effect::Takes(32))); // push.w {r4-r11}
        assert_eq!(effect(0xF84D, 0x8D04), (4, Effect::Takes(4))); // str r8, [sp, #-4]!
        assert_eq!(effect(0xE96D, 0x0102), (4, Effect::Takes(8))); // strd r0, r1, [sp, #-8]!
        assert_eq!(effect(0xED2D, 0x8B10), (4, Effect::Takes(64))); // vpush {d8-d15}
        assert_eq!(effect(0xF5AD, 0x7D00), (4, Effect::Takes(512))); // sub.w sp, sp, #512
        assert_eq!(effect(0xF2AD, 0x4D04), (4, Effect::Takes(1028))); // subw sp, sp, #1028
        assert_eq!(effect(0xF50D, 0x7D00), (4, Effect::Other)); // add.w sp, sp, #512
        assert_eq!(effect(0xF1A7, 0x0D10), (4, Effect::SetsStack)); // sub.w sp, r7, #16
        assert_eq!(effect(0x46A5, 0), (2, Effect::SetsStack)); // mov sp, r4
        assert_eq!(effect(0x466F, 0), (2, Effect::Other)); // mov r7, sp
        assert_eq!(effect(0x4770, 0), (2, Effect::Other)); // bx lr
        assert_eq!(effect(0x4798, 0), (2, Effect::Indirect)); // blx r3
        assert_eq!(effect(0x4718, 0), (2, Effect::Indirect)); // bx r3
        assert_eq!(effect(0xF000, 0xF802), (4, Effect::Goes(0x1008))); // bl .+8
        assert_eq!(effect(0xF7FF, 0xFFFE), (4, Effect::Goes(0x1000))); // bl to itself
        assert_eq!(effect(0xF7FF, 0xBFFE), (4, Effect::Goes(0x1000))); // b.w to itself
        assert_eq!(effect(0xE7FE, 0), (2, Effect::Goes(0x1000))); // b to itself
        assert_eq!(effect(0xD1FE, 0), (2, Effect::Goes(0x1000))); // bne to itself
        assert_eq!(effect(0xF3BF, 0x8F5F), (4, Effect::Other)); // dmb
        assert_eq!(effect(0xF85D, 0xFB04), (4, Effect::Other)); // pop {pc}
        assert_eq!(effect(0xF85F, 0xF004), (4, Effect::Indirect)); // ldr pc, [pc, #-4]
    }

    fn graph(functions: &[(u32, u32, &[u32])]) -> CallGraph {
        let function = |&(start, frame, calls): &(u32, u32, &[u32])| {
            (
                start,
                Function {
                    name: format!("f{start}"),
                    frame,
                    calls: calls.iter().copied().collect(),
                    ..Function::default()
                },
            )
        };
        CallGraph { functions: functions.iter().map(function).collect() }
    }

    #[test]
    fn the_deepest_chain_is_found_and_recursion_refused() {
        let calls = graph(&[(0, 8, &[10, 20]), (10, 100, &[]), (20, 40, &[30]), (30, 64, &[])]);
        assert_eq!(calls.depth(0), Ok((112, vec![0, 20, 30])));
        let loops = graph(&[(0, 8, &[10]), (10, 4, &[20]), (20, 4, &[10])]);
        assert!(loops.depth(0).is_err_and(|why| why.contains("calls itself")));
        let mut unknown = graph(&[(0, 8, &[10]), (10, 4, &[])]);
        unknown.functions.get_mut(&10).expect("it").indirect.push(14);
        assert!(unknown.depth(0).is_err_and(|why| why.contains("not known")));
    }
}
