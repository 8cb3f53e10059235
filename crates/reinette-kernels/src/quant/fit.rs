//! Which scale, and which codes, come nearest to a few weights.
//!
//! A weight matters as much as it is large: errors of small ones are hidden by the others of their row. Scales are tried
//! around the one that the greatest weight suggests; to each belong the nearest codes, and to these the scale of the
//! least squares.

/// How many scales are tried on either side of the first, in tenths of a code.
const TRIES: i32 = 9;

/// `x ≈ scale × (code − zero)`, with codes from 0 to `2 × zero − 1`.
pub(super) fn symmetric(x: &[f32], zero: i32) -> f32 {
    let Some(greatest) = x.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())) else { return 0.0 };
    if greatest == 0.0 || !greatest.is_finite() {
        return 0.0;
    }
    let (mut best, mut best_scale) = (f64::NEG_INFINITY, greatest / -(zero as f32));
    // The greatest weight has the code that reaches farther, below zero, or, with a scale of the other sign, above it.
    for (sign, tenth) in [-1.0, 1.0].into_iter().flat_map(|sign| (-TRIES..=TRIES).map(move |tenth| (sign, tenth))) {
        let inverse = sign * (zero as f32 + 0.1 * tenth as f32) / greatest;
        let (mut product, mut square) = (0.0_f64, 0.0_f64);
        for x in x {
            let code = (x * inverse).round_ties_even().clamp(-(zero as f32), (zero - 1) as f32);
            let weight = f64::from(x * x);
            product += weight * f64::from(x * code);
            square += weight * f64::from(code * code);
        }
        if square == 0.0 {
            continue;
        }
        // The error of the least squares is a constant less this.
        let explained = product * product / square;
        if explained > best {
            #[expect(clippy::cast_possible_truncation, reason = "scales have 16 bits in the end")]
            let scale = (product / square) as f32;
            (best, best_scale) = (explained, scale);
        }
    }
    best_scale
}

/// `x ≈ scale × code + offset`, with codes from 0 to `most`; where `is_below_zero`, the offset is none above 0.
pub(super) fn affine(x: &[f32], most: i32, is_below_zero: bool) -> (f32, f32) {
    let bound = |offset: f32| if is_below_zero { offset.min(0.0) } else { offset };
    let least = bound(x.iter().copied().fold(f32::INFINITY, f32::min));
    let greatest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let span = greatest - least;
    if !span.is_finite() || span <= 0.0 {
        return (0.0, if least.is_finite() { least } else { 0.0 });
    }
    let mean = x.iter().map(|x| x.abs()).sum::<f32>() / x.len() as f32;
    let weight = |x: f32| f64::from(mean + x.abs());
    let error = |scale: f32, offset: f32| {
        let one = |x: &f32| {
            let code = ((x - offset) / scale).round_ties_even().clamp(0.0, most as f32);
            weight(*x) * f64::from(scale * code + offset - x).powi(2)
        };
        x.iter().map(one).sum::<f64>()
    };
    let mut best = (span / most as f32, least);
    let mut best_error = error(best.0, best.1);
    for tenth in -TRIES..=TRIES {
        let inverse = (most as f32 + 0.1 * tenth as f32) / span;
        let Some((scale, offset)) =
            least_squares(x, weight, |x| ((x - least) * inverse).round_ties_even().clamp(0.0, most as f32))
        else {
            continue;
        };
        let offset = bound(offset);
        let found = error(scale, offset);
        if found < best_error {
            (best, best_error) = ((scale, offset), found);
        }
    }
    best
}

/// The line through the weights over their codes; `None` if all codes are the same, or it falls.
fn least_squares(x: &[f32], weight: impl Fn(f32) -> f64, code: impl Fn(f32) -> f32) -> Option<(f32, f32)> {
    let (mut w, mut wx, mut wc, mut wxc, mut wcc) = (0.0_f64, 0.0, 0.0, 0.0, 0.0);
    for &x in x {
        let (weight, code) = (weight(x), f64::from(code(x)));
        let x = f64::from(x);
        w += weight;
        wx += weight * x;
        wc += weight * code;
        wxc += weight * x * code;
        wcc += weight * code * code;
    }
    let determinant = w * wcc - wc * wc;
    let scale = (w * wxc - wx * wc) / determinant;
    #[expect(clippy::cast_possible_truncation, reason = "scales and offsets have 16 bits in the end")]
    let line = (scale as f32, ((wx - scale * wc) / w) as f32);
    (determinant > 0.0 && scale > 0.0).then_some(line)
}
