//! How people read a rate.

use reinette_assistant::eval::Rate;

/// A rate in one line.
pub(super) fn rate_row(name: &str, rate: &Rate) -> String {
    let percent = |share: f64| 100.0 * share;
    format!(
        "{name:<34} {:5.1}%  ({} of {}, 95% interval {:.0}–{:.0}%)",
        percent(rate.share()),
        rate.right,
        rate.of,
        percent(rate.low),
        percent(rate.high)
    )
}
