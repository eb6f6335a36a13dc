//! Loops compiled for the processor at hand.

/// Runs `f` compiled for the widest vectors that this processor has. `f` must be one call of an `#[inline(always)]`
/// function, so that its loops are compiled together with the vector features.
#[inline]
pub fn simd<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
