//! A line that loses, damages, doubles and delays packets, by a seed; and the device's serial port at its end.

use std::collections::VecDeque;

use firmware_model::hardware::Port;

/// Numbers from a seed: splitmix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn percent(&mut self, p: u64) -> bool {
        self.below(100) < p
    }
}

/// How bad the line is: chances in percent, for each packet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub loss: u64,
    pub corruption: u64,
    /// Of being doubled, and of being delayed so that others overtake it.
    pub disorder: u64,
}

/// One direction.
pub struct Line {
    faults: Faults,
    rng: Rng,
    /// When it arrives, and the bytes.
    under_way: Vec<(u64, Vec<u8>)>,
    pub packets: u64,
}

/// Milliseconds that a packet takes.
const LATENCY: u64 = 3;

impl Line {
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, rng: Rng(seed), under_way: Vec::new(), packets: 0 }
    }

    pub fn send(&mut self, now: u64, bytes: &[u8]) {
        self.packets += 1;
        if self.rng.percent(self.faults.loss) {
            return;
        }
        let copies = 1 + usize::from(self.rng.percent(self.faults.disorder));
        for _ in 0..copies {
            let mut bytes = bytes.to_vec();
            if self.rng.percent(self.faults.corruption) {
                self.damage(&mut bytes);
            }
            let late = if self.rng.percent(self.faults.disorder) { 1 + self.rng.below(60) } else { 0 };
            self.under_way.push((now + LATENCY + late, bytes));
        }
    }

    /// Flips bits, puts a zero, cuts the packet short, or puts bytes in.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let at = self.rng.below(bytes.len() as u64) as usize;
        match self.rng.below(4) {
            0 => (0..1 + self.rng.below(3)).for_each(|_| {
                let bit = self.rng.below(8 * bytes.len() as u64) as usize;
                bytes[bit / 8] ^= 1 << (bit % 8);
            }),
            1 => bytes[at] = 0,
            2 => bytes.truncate(at),
            _ => (0..1 + self.rng.below(9)).for_each(|_| bytes.insert(at, self.rng.next() as u8)),
        }
    }

    /// What arrives by now, in the order of arrival.
    pub fn arrived(&mut self, now: u64) -> Vec<u8> {
        let (mut here, later): (Vec<_>, Vec<_>) = self.under_way.drain(..).partition(|(at, _)| *at <= now);
        self.under_way = later;
        here.sort_by_key(|(at, _)| *at);
        here.into_iter().flat_map(|(_, bytes)| bytes).collect()
    }

    /// All that is under way is gone.
    pub fn cut(&mut self) {
        self.under_way.clear();
    }
}

/// The device's port: a buffer of fixed size, which loses what does not fit, and a device that takes a number of bytes a millisecond.
pub struct Serial {
    buffer: VecDeque<u8>,
    capacity: usize,
    /// Bytes that the device still takes in this millisecond.
    pub budget: usize,
    sent: Vec<u8>,
    pub overruns: u64,
}

impl Serial {
    pub fn new(capacity: usize) -> Self {
        Self { buffer: VecDeque::new(), capacity, budget: 0, sent: Vec::new(), overruns: 0 }
    }

    pub fn arrive(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.buffer.len() < self.capacity {
                self.buffer.push_back(byte);
            } else {
                self.overruns += 1;
            }
        }
    }

    /// Whole packets that the device has sent.
    pub fn packets(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        while let Some(end) = self.sent.iter().position(|&byte| byte == 0) {
            packets.push(self.sent.drain(..=end).collect());
        }
        packets
    }
}

impl Port for Serial {
    fn read(&mut self) -> Option<u8> {
        self.budget = self.budget.checked_sub(1)?;
        self.buffer.pop_front()
    }

    fn write(&mut self, byte: u8) -> bool {
        self.sent.push(byte);
        true
    }
}
