//! Weights to measure with.

/// Memory that is a valid block of any type at any place: no byte makes a half-precision number infinite.
pub(crate) fn random_bytes(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0] & 0xbb
    };
    std::iter::repeat_with(next).take(count).collect()
}
