//! A run as a page: its curves and its figures, in one file without scripts.

use crate::config::Config;
use crate::metrics::{Event, StepMetrics, ValidationMetrics};
use std::fmt::Write as _;

/// The pictures' size and margins, in units of the pictures.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 24.0;
/// A curve has no more points than this: neighbours are averaged.
const MOST_POINTS: usize = 300;

const STYLE: &str = "\
:root { color-scheme: light dark; } body { font: 15px/1.5 system-ui, sans-serif; max-width: 800px; margin: 2em auto; }
 table { border-collapse: collapse; } td, th { padding: 2px 14px 2px 0; text-align: left; } pre { overflow: auto; }
 .frame { stroke: currentColor; fill: none; opacity: .3; } text { fill: currentColor; font-size: 12px; }
 .a { stroke: #0969da; fill: none; stroke-width: 1.5; } .b { stroke: #bc4c00; fill: none; stroke-width: 1.5; }";

/// The page of a run.
pub(crate) fn page(title: &str, config: &Config, events: &[Event]) -> String {
    let steps: Vec<&StepMetrics> =
        events.iter().filter_map(|event| if let Event::Step(step) = event { Some(step) } else { None }).collect();
    let validations: Vec<&ValidationMetrics> = events
        .iter()
        .filter_map(|event| if let Event::Validation(found) = event { Some(found) } else { None })
        .collect();
    let of_steps =
        |value: fn(&StepMetrics) -> f64| steps.iter().map(|step| (step.step as f64, value(step))).collect::<Vec<_>>();
    let of_validations = |value: fn(&ValidationMetrics) -> f64| {
        validations.iter().map(|found| (found.step as f64, value(found))).collect::<Vec<_>>()
    };
    let loss =
        chart("Loss: training (blue), validation (orange)", &of_steps(|step| step.loss), &of_validations(|v| v.loss));
    let right = chart(
        "Right: answers' tokens in training (blue), whole answers in validation (orange)",
        &of_steps(|step| step.tokens_right),
        &of_validations(|found| found.answers_right),
    );
    let rate = chart("Learning rate", &of_steps(|step| step.learning_rate), &[]);
    let norm = chart("Length of the gradient", &of_steps(|step| step.gradient_norm), &[]);
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<style>{STYLE}</style>\n\
         <h1>{title}</h1>\n{}\n{loss}{right}{rate}{norm}<h2>Configuration</h2>\n<pre>{}</pre>\n</html>\n",
        summary(&steps, &validations),
        escaped(&config.to_json())
    )
}

fn summary(steps: &[&StepMetrics], validations: &[&ValidationMetrics]) -> String {
    let Some(last) = steps.last() else { return "<p>No step was made.</p>".to_owned() };
    let tokens: usize = steps.iter().map(|step| step.tokens).sum();
    let mut rows = vec![
        ("steps", last.step.to_string()),
        ("tokens", tokens.to_string()),
        ("minutes", format!("{:.1}", last.seconds / 60.0)),
        ("tokens per second", format!("{:.0}", tokens as f64 / last.seconds.max(1e-9))),
        ("last training loss", format!("{:.4}", last.loss)),
    ];
    if let Some(best) = validations.iter().min_by(|a, b| a.loss.total_cmp(&b.loss)) {
        rows.push(("best validation loss", format!("{:.4} after step {}", best.loss, best.step)));
        rows.push(("whole answers right there", format!("{:.1}%", 100.0 * best.answers_right)));
    }
    let rows: Vec<String> = rows.iter().map(|(name, value)| format!("<tr><th>{name}<td>{value}")).collect();
    format!("<table>{}</table>", rows.join("\n"))
}

/// One or two curves over the number of the step.
fn chart(title: &str, first: &[(f64, f64)], second: &[(f64, f64)]) -> String {
    let all = || first.iter().chain(second).filter(|(_, value)| value.is_finite());
    let Some(last_step) = all().map(|(step, _)| *step).max_by(f64::total_cmp) else { return String::new() };
    let highest = all().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let curve = |class: &str, points: &[(f64, f64)]| {
        let mut path = String::new();
        for group in points.chunks(points.len().div_ceil(MOST_POINTS).max(1)) {
            let mean = |value: fn(&(f64, f64)) -> f64| group.iter().map(value).sum::<f64>() / group.len() as f64;
            let x = LEFT + (WIDTH - LEFT) * mean(|point| point.0) / last_step.max(1.0);
            let y = (HEIGHT - BOTTOM) * (1.0 - mean(|point| point.1) / highest);
            // Writing to a string does not fail.
            let _ = write!(path, "{}{x:.1},{y:.1}", if path.is_empty() { "M" } else { "L" });
        }
        if path.is_empty() { path } else { format!("<path class=\"{class}\" d=\"{path}\"/>\n") }
    };
    let floor = HEIGHT - BOTTOM;
    format!(
        "<h2>{title}</h2>\n<svg viewBox=\"0 -12 {WIDTH} {}\" width=\"100%\" role=\"img\" aria-label=\"{title}\">\n\
         <path class=\"frame\" d=\"M{LEFT},0V{floor}H{WIDTH}\"/>\n<text x=\"0\" y=\"8\">{highest:.3e}</text>\n\
         <text x=\"0\" y=\"{floor}\">0</text>\n<text x=\"{WIDTH}\" y=\"{HEIGHT}\" text-anchor=\"end\">step {last_step}</text>\n\
         {}{}</svg>\n",
        HEIGHT + 16.0,
        curve("a", first),
        curve("b", second)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
