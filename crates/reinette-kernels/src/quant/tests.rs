use super::{QuantType, dequantize, quantize};

/// Of each type the error that ggml makes on [`weights`], in lengths of the weights (`ggml_quantize_chunk` of
/// llama-cpp-python 0.3.36, without an importance matrix; `checks/llama_cpp/quantise.py`).
const GGML: [(QuantType, f64); 10] = [
    (QuantType::Q4_0, 0.081_038),
    (QuantType::Q4_1, 0.075_005),
    (QuantType::Q5_0, 0.040_224),
    (QuantType::Q5_1, 0.036_108),
    (QuantType::Q8_0, 0.005_058),
    (QuantType::Q2K, 0.286_392),
    (QuantType::Q3K, 0.144_991),
    (QuantType::Q4K, 0.068_461),
    (QuantType::Q5K, 0.034_335),
    (QuantType::Q6K, 0.016_91),
];

/// 64 blocks of sums of four numbers that are spread evenly.
fn weights() -> Vec<f32> {
    let mut state = 1_u64;
    let mut part = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    (0..64 * 256).map(|_| part() + part() + part() + part() - 2.0).collect()
}

fn read_again(ty: QuantType, x: &[f32]) -> Vec<f32> {
    let bytes = quantize(ty, x);
    let mut y = vec![0.0; x.len()];
    dequantize(ty, &bytes, &mut y);
    y
}

fn error(x: &[f32], y: &[f32]) -> f64 {
    let square = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|number| number * number).sum::<f64>();
    let difference = square(&mut x.iter().zip(y).map(|(x, y)| f64::from(*x) - f64::from(*y)));
    (difference / square(&mut x.iter().copied().map(f64::from))).sqrt()
}

#[test]
fn quantised_weights_are_as_near_as_ggmls() {
    let x = weights();
    for (ty, ggml) in GGML {
        let found = error(&x, &read_again(ty, &x));
        assert!(found < 1.01 * ggml && found > 0.5 * ggml, "{ty}: {found:.6}, ggml {ggml}");
    }
}

#[test]
fn what_a_format_can_say_is_kept() {
    for ty in QuantType::ALL {
        let zeros = vec![0.0; 512];
        assert_eq!(read_again(ty, &zeros), zeros, "{ty}");
        // Weights that have been through a format once come back from it nearly as they were.
        let once = read_again(ty, &weights());
        let twice = read_again(ty, &once);
        assert!(error(&once, &twice) < 0.02, "{ty}: {}", error(&once, &twice));
    }
}

#[test]
fn extreme_weights_stay_numbers() {
    let mut x = weights();
    x.truncate(1024);
    (x[3], x[300], x[301], x[700]) = (1e30, f32::NAN, f32::NEG_INFINITY, -1e-40);
    x[512..768].fill(-0.125);
    x[768..].fill(1e-30);
    for ty in QuantType::ALL.into_iter().filter(|ty| ty.block_len() > 1) {
        let y = read_again(ty, &x);
        assert!(y.iter().all(|y| y.is_finite()), "{ty}");
        let held = &y[512..768];
        assert!(held.iter().all(|y| (y + 0.125).abs() < 0.01), "{ty}: {held:?}");
    }
}

#[test]
fn rows_are_whole_blocks() {
    assert_eq!(QuantType::Q4K.row_bytes(512), Some(288));
    assert_eq!(QuantType::Q4K.row_bytes(576), None);
    assert_eq!(QuantType::Q4_1.row_bytes(576), Some(360));
    assert_eq!(QuantType::F16.row_bytes(7), Some(14));
    assert_eq!(QuantType::F32.row_bytes(usize::MAX / 2), None);
}
