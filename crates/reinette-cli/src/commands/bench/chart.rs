//! A comparison as a picture: bars for each row, from 1× to how many times better ours is, on a logarithmic scale. The upper
//! one is beside the peer on the same file, the lower one beside the peer at its best.

use super::comparison::{Comparison, Summary, grouped, short};
use crate::measure::Spread;
use std::fmt::Write as _;

/// The picture's width and where the bars are in it, in units of the picture.
const WIDTH: f64 = 1080.0;
const BARS_LEFT: f64 = 340.0;
const BARS_RIGHT: f64 = 780.0;
const ROW_HEIGHT: f64 = 24.0;
const BAR_HEIGHT: f64 = 12.0;
const HEADING_HEIGHT: f64 = 44.0;
const AXIS_HEIGHT: f64 = 26.0;
const MARGIN: f64 = 16.0;

/// Where the axis has lines, as far as the ratios reach.
const TICKS: [f64; 11] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];

/// Colours that can be told apart by everybody, on white and on black.
const STYLE: &str = "\
  svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
  .paper { fill: #ffffff; } text { fill: #1f2328; } .faint { fill: #59636e; } .grid { stroke: #d1d9e0; }
  .better { fill: #0969da; } .worse { fill: #bc4c00; } .spread, .one { stroke: #1f2328; } .heading { font-weight: 600; }
  .spread { stroke-width: 1.5; } .middle { text-anchor: middle; } .end { text-anchor: end; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } text { fill: #f0f6fc; } .faint { fill: #9198a1; } .grid { stroke: #3d444d; }
    .better { fill: #4493f8; } .worse { fill: #db6d28; } .spread, .one { stroke: #f0f6fc; }
  }";

/// The scale of all bars of a picture.
struct Scale {
    lowest: f64,
    highest: f64,
}

impl Scale {
    /// From the tick below the lowest ratio to the one above the highest.
    fn of<'a>(summaries: impl Iterator<Item = &'a Summary>) -> Self {
        let ratios = summaries.flat_map(|summary| std::iter::once(summary.ratio).chain(summary.ratio_to_best));
        let (low, high) =
            ratios.fold((1.0_f64, 1.0_f64), |(low, high), ratio| (low.min(ratio.low), high.max(ratio.high)));
        let first = TICKS[0];
        let last = TICKS[TICKS.len() - 1];
        Self {
            lowest: TICKS.into_iter().rev().find(|tick| *tick <= low).unwrap_or(first),
            highest: TICKS.into_iter().find(|tick| *tick >= high && *tick > 1.0).unwrap_or(last),
        }
    }

    /// Where a ratio is; one that the scale does not reach is at its end.
    fn x(&self, ratio: f64) -> f64 {
        let share = (ratio / self.lowest).ln() / (self.highest / self.lowest).ln();
        BARS_LEFT + share.clamp(0.0, 1.0) * (BARS_RIGHT - BARS_LEFT)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (lowest, highest) = (self.lowest, self.highest);
        TICKS.into_iter().filter(move |tick| (lowest..=highest).contains(tick))
    }
}

/// The picture, as SVG.
pub(super) fn draw(comparisons: &[Comparison]) -> String {
    let groups: Vec<(&Comparison, Vec<Summary>)> =
        comparisons.iter().map(|comparison| (comparison, comparison.summaries())).collect();
    let scale = Scale::of(groups.iter().flat_map(|(_, summaries)| summaries));
    let mut body = String::new();
    let mut y = MARGIN;
    for (comparison, summaries) in &groups {
        y = draw_group(&mut body, comparison, summaries, &scale, y);
    }
    let height = y + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
         aria-label=\"How many times better than the other program\">\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}

/// Draws the rows of one model below `top`, and gives where they end.
fn draw_group(body: &mut String, comparison: &Comparison, summaries: &[Summary], scale: &Scale, top: f64) -> f64 {
    let heading = &comparison.heading;
    let title = format!("{} against {}", heading.model, heading.peer);
    let baseline = top + 18.0;
    text(body, MARGIN, baseline, "heading", &title);
    let bars = if summaries.iter().any(|summary| summary.ratio_to_best.is_some()) {
        "upper bar: on the same file, lower: the other at its best; "
    } else {
        ""
    };
    let rounds = format!("{bars}median of {} paired rounds", heading.rounds);
    text(body, WIDTH - MARGIN, baseline, "faint end", &rounds);
    let first = top + HEADING_HEIGHT;
    let bottom = first + ROW_HEIGHT * summaries.len() as f64;
    for tick in scale.ticks() {
        line(body, "grid", (scale.x(tick), first - 6.0), (scale.x(tick), bottom + 4.0));
        text(body, scale.x(tick), bottom + 18.0, "faint middle", &format!("{tick}×"));
    }
    line(body, "one", (scale.x(1.0), first - 6.0), (scale.x(1.0), bottom + 4.0));
    for (summary, index) in summaries.iter().zip(0..) {
        draw_row(body, summary, scale, first + ROW_HEIGHT * f64::from(index));
    }
    bottom + AXIS_HEIGHT
}

fn draw_row(body: &mut String, summary: &Summary, scale: &Scale, top: f64) {
    let Summary { row, threads, ours, peer, ratio, ratio_to_best } = summary;
    let middle = top + ROW_HEIGHT / 2.0;
    let baseline = middle + 4.5;
    let threads = if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    text(body, MARGIN, baseline, "", &row.to_string());
    text(body, BARS_LEFT - 8.0, baseline, "faint end", &threads);
    match ratio_to_best {
        None => draw_bar(body, *ratio, scale, (middle - BAR_HEIGHT / 2.0, BAR_HEIGHT)),
        Some(best) => {
            draw_bar(body, *ratio, scale, (middle - BAR_HEIGHT / 2.0 - 1.0, BAR_HEIGHT / 2.0));
            draw_bar(body, *best, scale, (middle + 1.0, BAR_HEIGHT / 2.0));
        }
    }
    let figures = format!("{} against {} {}", grouped(ours.median), grouped(peer.median), row.unit());
    let best = ratio_to_best.map_or_else(String::new, |best| format!(" / {}×", short(best.median)));
    text(body, BARS_RIGHT + 88.0, baseline, "heading end", &format!("{}×{best}", short(ratio.median)));
    text(body, BARS_RIGHT + 98.0, baseline, "faint", &figures);
}

/// A bar from 1× to the median of a ratio, with its spread; `at` is its top and its height.
fn draw_bar(body: &mut String, ratio: Spread, scale: &Scale, at: (f64, f64)) {
    let (top, height) = at;
    let (from, to) = (scale.x(1.0_f64.min(ratio.median)), scale.x(1.0_f64.max(ratio.median)));
    let class = if ratio.median >= 1.0 { "better" } else { "worse" };
    let _ = writeln!(
        body,
        "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height}\"/>",
        to - from
    );
    let middle = top + height / 2.0;
    line(body, "spread", (scale.x(ratio.low), middle), (scale.x(ratio.high), middle));
}

fn line(body: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(body, "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>");
}

fn text(body: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = include_str!("testdata/comparison.jsonl");

    #[test]
    fn every_row_has_a_bar_on_its_side_of_one() {
        let picture = draw(&Comparison::read(RECORDS).unwrap());
        let count = |needle: &str| picture.matches(needle).count();
        // Six rows, one of them with two bars; decode is worse with either number of threads.
        assert_eq!((count("class=\"better\""), count("class=\"worse\"")), (5, 2));
        assert_eq!((count("<text"), count("</text>")), (2 + 4 * 6 + 8, 2 + 4 * 6 + 8));
        assert!(picture.contains(">3.10× / 1.55×<") && picture.contains(">600 against 200 tokens/s<"), "{picture}");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    }

    #[test]
    fn the_scale_holds_every_ratio_and_keeps_its_ends() {
        let comparisons = Comparison::read(RECORDS).unwrap();
        let summaries = comparisons[0].summaries();
        let scale = Scale::of(summaries.iter());
        assert_eq!((scale.lowest, scale.highest), (0.5, 100.0));
        assert!(scale.x(1.0) < scale.x(2.0) && scale.x(2.0) < scale.x(75.0));
        assert_eq!((scale.x(0.001), scale.x(1e9)), (BARS_LEFT, BARS_RIGHT));
    }

    #[test]
    fn names_do_not_become_markup() {
        let mut comparisons = Comparison::read(RECORDS).unwrap();
        comparisons[0].heading.model = "<script>&".to_owned();
        assert!(draw(&comparisons).contains("&lt;script&gt;&amp; against"));
    }
}
