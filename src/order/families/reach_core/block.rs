//! Counts by level as vectors of numbers.

/// Numbers of a block.
pub const LANES: usize = 16;

/// Counts of sixteen levels.
pub type Block = [i32; LANES];

/// Adds `times` the blocks of `other`.
#[inline(always)]
pub fn add(to: &mut [Block], other: &[Block], times: i32) {
    for (to, other) in to.iter_mut().zip(other) {
        for (to, other) in to.iter_mut().zip(other) {
            *to += times * other;
        }
    }
}

/// Adds one set of blocks and takes another away.
#[inline(always)]
pub fn exchange(to: &mut [Block], more: &[Block], less: &[Block]) {
    for ((to, more), less) in to.iter_mut().zip(more).zip(less) {
        for lane in 0..LANES {
            to[lane] += more[lane] - less[lane];
        }
    }
}

/// The sum of what is above zero.
#[inline(always)]
pub fn positive(of: &[Block]) -> i32 {
    let mut sums = [0i32; LANES];
    for block in of {
        for lane in 0..LANES {
            sums[lane] += block[lane].max(0);
        }
    }
    total(sums)
}

/// The sum of what is above zero when `more` is added.
#[inline(always)]
pub fn positive_with(of: &[Block], more: &[Block]) -> i32 {
    let mut sums = [0i32; LANES];
    for (block, more) in of.iter().zip(more) {
        for lane in 0..LANES {
            sums[lane] += (block[lane] + more[lane]).max(0);
        }
    }
    total(sums)
}

/// The sum of what is above zero when `less` is taken away.
#[inline(always)]
pub fn positive_without(of: &[Block], less: &[Block]) -> i32 {
    let mut sums = [0i32; LANES];
    for (block, less) in of.iter().zip(less) {
        for lane in 0..LANES {
            sums[lane] += (block[lane] - less[lane]).max(0);
        }
    }
    total(sums)
}

/// The sum of what is above zero when `more` is added and `less` taken away.
#[inline(always)]
pub fn positive_exchanged(of: &[Block], more: &[Block], less: &[Block]) -> i32 {
    let mut sums = [0i32; LANES];
    for ((block, more), less) in of.iter().zip(more).zip(less) {
        for lane in 0..LANES {
            sums[lane] += (block[lane] + more[lane] - less[lane]).max(0);
        }
    }
    total(sums)
}

#[inline(always)]
fn total(sums: [i32; LANES]) -> i32 {
    let mut sum = 0;
    for lane in sums {
        sum += lane;
    }
    sum
}
