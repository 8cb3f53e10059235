//! Which vector instructions the machine has.

/// A set of vector instructions that this machine is known to have.
///
/// A value other than [`InstructionSet::SCALAR`] exists only after the processor was asked, so a safe function that
/// is given one may run code compiled for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionSet(Kind);

/// The sets there is code for. NEON would be one more variant and one more file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Plain Rust, the reference for all others.
    Scalar,
    /// AVX2, FMA and F16C (x86-64).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, VL and VNNI, beside those of AVX2. Products of quantised weights and the attention of decode use its
    /// registers; all else is the code for AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl InstructionSet {
    /// Plain Rust, which runs everywhere.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The fastest set that this machine has.
    pub fn detect() -> Self {
        Self::available().last().copied().unwrap_or(Self::SCALAR)
    }

    /// All sets that this machine has, slowest first.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            sets.push(Self(Kind::Avx2));
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                sets.push(Self(Kind::Avx512));
            }
        }
        sets
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}
