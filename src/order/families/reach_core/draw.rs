//! Random numbers, and the odds of a change for the worse.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random numbers from a seed.
#[derive(Clone, Debug)]
pub struct Draw {
    rng: ChaCha8Rng,
}

impl Draw {
    /// From a seed, and which stream of it.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self { rng }
    }

    /// A number below `n`, which is not 0.
    #[inline(always)]
    pub fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.rng.next_u32()) * n as u64) >> 32) as usize
    }

    /// Any 32 bits.
    #[inline(always)]
    pub fn word(&mut self) -> u32 {
        self.rng.next_u32()
    }
}

/// How likely a change is taken that makes things worse by so much: odds fall by the same factor with each unit, as in simulated annealing.
#[derive(Clone, Debug)]
pub struct Odds {
    /// Of 2^32, for a cost of so many units.
    of: Vec<u32>,
    /// Units by which cost is divided.
    unit: i32,
}

impl Odds {
    /// `one`: the odds of a change that costs one unit, of 2^32.
    #[must_use]
    pub fn new(one: u32) -> Self {
        Self::per(one, 1)
    }

    /// A unit is so much of the cost.
    #[must_use]
    pub fn per(one: u32, unit: i32) -> Self {
        let mut of = Vec::new();
        let mut odds = u64::from(u32::MAX);
        while odds > 0 && of.len() < 256 {
            of.push(odds as u32);
            odds = (odds * u64::from(one)) >> 32;
        }
        Self { of, unit }
    }

    /// The same odds where every unit costs so much.
    #[must_use]
    pub fn scaled(&self, price: i32) -> Self {
        let of = (0..self.of.len()).map_while(|cost| self.of.get(cost * (price / self.unit).max(1) as usize).copied());
        Self { of: of.collect(), unit: 1 }
    }

    /// Whether a change that costs so much is ever taken.
    #[inline(always)]
    #[must_use]
    pub fn possible(&self, cost: i32) -> bool {
        cost <= 0 || ((cost / self.unit) as usize) < self.of.len()
    }

    /// Whether to take a change that costs so much.
    #[inline(always)]
    pub fn accept(&self, cost: i32, draw: &mut Draw) -> bool {
        if cost <= 0 {
            return true;
        }
        let units = (cost / self.unit) as usize;
        match self.of.get(units) {
            Some(&odds) => draw.word() < odds,
            None => false,
        }
    }
}
