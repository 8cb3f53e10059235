//! How parameters follow gradients.

mod muon;

use crate::adapter::Adapter;
use crate::config::{OptimizerConfig, OptimizerKind, ScheduleConfig};
use crate::tensor::values;
use std::f64::consts::PI;

/// A rule by which parameters follow gradients, and what it remembers.
#[derive(Clone, Debug)]
pub(crate) struct Optimizer {
    config: OptimizerConfig,
    /// Rows and columns of each parameter.
    shapes: Vec<[usize; 2]>,
    /// How many parameters, at their end, are of no layer.
    n_ends: usize,
    /// Of each parameter the mean gradient.
    means: Vec<Vec<f32>>,
    /// Of each parameter the mean squared gradient; empty where Muon makes the steps.
    squares: Vec<Vec<f32>>,
    /// Of each parameter the mean over the steps; empty where none is wanted.
    averages: Vec<Vec<f32>>,
    /// How many steps were made.
    pub(crate) steps: usize,
}

impl Optimizer {
    /// An optimizer of an adapter's parameters.
    pub(crate) fn new(config: &OptimizerConfig, adapter: &Adapter) -> Self {
        let mut optimizer = Self::of_shapes(config, adapter.parameter_shapes().collect(), adapter.n_ends());
        if config.ema_decay > 0.0 {
            optimizer.averages = adapter.parameters().map(|parameter| values(parameter).to_vec()).collect();
        }
        optimizer
    }

    fn of_shapes(config: &OptimizerConfig, shapes: Vec<[usize; 2]>, n_ends: usize) -> Self {
        let means: Vec<Vec<f32>> = shapes.iter().map(|[rows, cols]| vec![0.0; rows * cols]).collect();
        let mut optimizer = Self {
            config: config.clone(),
            shapes,
            n_ends,
            squares: means.clone(),
            means,
            averages: Vec::new(),
            steps: 0,
        };
        for place in 0..optimizer.squares.len() {
            if optimizer.kind(place) == OptimizerKind::Muon {
                optimizer.squares[place] = Vec::new();
            }
        }
        optimizer
    }

    /// Which rule a parameter follows: Muon is for the matrices within layers.
    fn kind(&self, place: usize) -> OptimizerKind {
        let is_vector = self.shapes[place][0] == 1;
        let is_end = place + self.n_ends >= self.shapes.len();
        if is_vector || is_end { OptimizerKind::AdamW } else { self.config.kind }
    }

    /// What it remembers of each parameter, by names.
    pub(crate) fn memory(&self) -> [(&'static str, &Vec<Vec<f32>>); 3] {
        [("mean", &self.means), ("square", &self.squares), ("average", &self.averages)]
    }

    /// [`memory`](Self::memory), to be restored.
    pub(crate) fn memory_mut(&mut self) -> [(&'static str, &mut Vec<Vec<f32>>); 3] {
        [("mean", &mut self.means), ("square", &mut self.squares), ("average", &mut self.averages)]
    }

    /// The adapter that the run has made so far: the mean over the steps where one is kept, else as it is.
    pub(crate) fn averaged(&self, adapter: &Adapter) -> Adapter {
        let mut averaged = adapter.clone();
        for (parameter, average) in averaged.parameters_mut().zip(&self.averages) {
            parameter.copy_from_slice(average);
        }
        averaged
    }

    /// Makes a step against gradients, which are multiplied by `factor` first.
    #[expect(clippy::cast_possible_truncation, reason = "factors near 1 and rates need no more than f32")]
    pub(crate) fn step<'a>(
        &mut self,
        parameters: impl Iterator<Item = &'a mut [f32]>,
        gradients: &[Vec<f32>],
        factor: f64,
        rate: f64,
    ) {
        self.steps += 1;
        let decay = 1.0 - (rate * self.config.weight_decay) as f32;
        for (place, (parameter, gradient)) in parameters.zip(gradients).enumerate() {
            for number in &mut *parameter {
                *number *= decay;
            }
            match self.kind(place) {
                OptimizerKind::AdamW => self.adam(place, parameter, gradient, factor as f32, rate),
                OptimizerKind::Muon => self.muon(place, parameter, gradient, factor as f32, rate as f32),
            }
            if let Some(average) = self.averages.get_mut(place) {
                let steps = self.steps as f64;
                let kept = self.config.ema_decay.min((1.0 + steps) / (10.0 + steps)) as f32;
                for (average, number) in average.iter_mut().zip(parameter) {
                    *average = kept * *average + (1.0 - kept) * *number;
                }
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "factors near 1 and rates need no more than f32")]
    fn adam(&mut self, place: usize, parameter: &mut [f32], gradient: &[f32], factor: f32, rate: f64) {
        let OptimizerConfig { beta1, beta2, epsilon, .. } = self.config;
        let bias = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        let (step, root) = ((rate / bias(beta1)) as f32, bias(beta2).sqrt().recip() as f32);
        let (kept, kept_squares, epsilon) = (beta1 as f32, beta2 as f32, epsilon as f32);
        let state = self.means[place].iter_mut().zip(&mut self.squares[place]);
        for ((number, gradient), (mean, square)) in parameter.iter_mut().zip(gradient).zip(state) {
            let gradient = factor * gradient;
            *mean = kept * *mean + (1.0 - kept) * gradient;
            *square = kept_squares * *square + (1.0 - kept_squares) * gradient * gradient;
            *number -= step * *mean / (square.sqrt() * root + epsilon);
        }
    }

    /// Nesterov's mean of the gradients, made orthogonal, as long as a step of `AdamW`.
    #[expect(clippy::cast_possible_truncation, reason = "factors near 1 need no more than f32")]
    fn muon(&mut self, place: usize, parameter: &mut [f32], gradient: &[f32], factor: f32, rate: f32) {
        let kept = self.config.beta1 as f32;
        let ahead: Vec<f32> = self.means[place]
            .iter_mut()
            .zip(gradient)
            .map(|(mean, gradient)| {
                let gradient = factor * gradient;
                *mean = kept * *mean + (1.0 - kept) * gradient;
                kept * *mean + (1.0 - kept) * gradient
            })
            .collect();
        let [rows, cols] = self.shapes[place];
        let step = 0.2 * rate * (rows.max(cols) as f32).sqrt();
        for (number, direction) in parameter.iter_mut().zip(muon::orthogonal(ahead, [rows, cols])) {
            *number -= step * direction;
        }
    }
}

/// The learning rate of a step, counted from 0: a straight rise, then half a cosine.
///
/// Paper: SGDR: Stochastic Gradient Descent with Warm Restarts, arXiv:1608.03983.
pub(crate) fn learning_rate(schedule: &ScheduleConfig, peak: f64, step: usize, n_steps: usize) -> f64 {
    let progress = (step as f64 + 1.0) / n_steps.max(1) as f64;
    if progress < schedule.warm_up {
        return peak * progress / schedule.warm_up;
    }
    let falling = ((progress - schedule.warm_up) / (1.0 - schedule.warm_up).max(f64::EPSILON)).min(1.0);
    peak * (schedule.final_share + (1.0 - schedule.final_share) * f64::midpoint(1.0, (PI * falling).cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `torch.optim.AdamW([w], lr=0.1, betas=(0.9, 0.99), weight_decay=0.1)` makes of 1 and −2 with the gradients
    /// (0.5, −1), (−0.25, 2), (1, 0.125), printed by PyTorch 2.15.
    #[test]
    fn three_steps_are_those_of_pytorch() {
        let config = OptimizerConfig { weight_decay: 0.1, ..OptimizerConfig::default() };
        let mut optimizer = Optimizer::of_shapes(&config, vec![[1, 2]], 0);
        let mut weights = vec![1.0_f32, -2.0];
        let mut seen = Vec::new();
        for gradient in [[0.5, -1.0], [-0.25, 2.0], [1.0, 0.125]] {
            optimizer.step([weights.as_mut_slice()].into_iter(), &[gradient.to_vec()], 1.0, 0.1);
            seen.push((weights[0], weights[1]));
        }
        for ((x, y), (a, b)) in seen.into_iter().zip(EXPECTED) {
            assert!((x - a).abs() < 1e-6 && (y - b).abs() < 1e-6, "({x}, {y}) instead of ({a}, {b})");
        }
    }

    const EXPECTED: [(f32, f32); 3] = [(0.89, -1.88), (0.854_430_1, -1.897_760_7), (0.780_244_5, -1.910_635_1)];

    /// `torch.optim.Muon([w], lr=0.1, weight_decay=0.1, momentum=0.9, adjust_lr_fn="match_rms_adamw")` (PyTorch 2.15), on
    /// the same matrix lying and standing, with `float32` written for `bfloat16` in its iteration.
    #[test]
    fn muon_is_the_papers() {
        let kind = OptimizerKind::Muon;
        let config = OptimizerConfig { kind, weight_decay: 0.1, ..OptimizerConfig::default() };
        for (shape, expected) in [([3, 5], LYING), ([5, 3], STANDING)] {
            let mut optimizer = Optimizer::of_shapes(&config, vec![shape], 0);
            let mut weights: Vec<f32> = (0_u8..15).map(|place| f32::from(place) / 7.0 - 1.0).collect();
            for step in [1.7, 2.7, 3.7] {
                let gradient = (0_u8..15).map(|place| (f32::from(place) * step + 0.3).sin()).collect();
                optimizer.step([weights.as_mut_slice()].into_iter(), &[gradient], 1.0, 0.1);
            }
            for (found, expected) in weights.iter().zip(expected) {
                assert!((found - expected).abs() < 2e-4, "{weights:?} instead of {expected:?}");
            }
        }
    }

    const LYING: [f32; 15] = [
        -1.023_193, -0.890_413, -0.663_662, -0.504_549, -0.410_466, -0.327_541, -0.052_909, -0.005_928, 0.089_194,
        0.268_379, 0.453_361, 0.559_488, 0.617_905, 0.886_666, 0.992_952,
    ];
    const STANDING: [f32; 15] = [
        -1.014_605, -0.899_499, -0.696_487, -0.526_324, -0.417_288, -0.343_955, -0.073_812, 0.011_251, 0.124_392,
        0.283_081, 0.452_983, 0.602_96, 0.652_262, 0.908_495, 0.983_306,
    ];

    #[test]
    fn the_mean_over_the_steps_follows_slowly() {
        let config = OptimizerConfig { ema_decay: 0.5, ..OptimizerConfig::default() };
        let mut optimizer = Optimizer::of_shapes(&config, vec![[1, 1]], 0);
        optimizer.averages = vec![vec![1.0]];
        let mut weight = vec![1.0];
        let mut expected = 1.0;
        for kept in [2.0 / 11.0, 3.0 / 12.0, 4.0 / 13.0] {
            optimizer.step([weight.as_mut_slice()].into_iter(), &[vec![1.0]], 1.0, 0.1);
            expected = kept * expected + (1.0 - kept) * weight[0];
        }
        assert!((optimizer.averages[0][0] - expected).abs() < 1e-6);
        assert!(weight[0] < 0.8 && expected > weight[0]);
    }

    #[test]
    fn the_rate_rises_and_falls() {
        let schedule = ScheduleConfig { warm_up: 0.1, final_share: 0.05, ..ScheduleConfig::default() };
        let rates: Vec<f64> = (0..100).map(|step| learning_rate(&schedule, 1.0, step, 100)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-9);
        assert!(rates[..9].is_sorted() && rates[10..].is_sorted_by(|a, b| a >= b));
        assert!((rates[99] - 0.05).abs() < 1e-9);
        assert!((learning_rate(&schedule, 1.0, 500, 100) - 0.05).abs() < 1e-9);
    }
}
