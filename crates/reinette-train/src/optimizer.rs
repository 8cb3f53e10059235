//! How parameters follow gradients.

use crate::adapter::Adapter;
use crate::config::{OptimizerConfig, ScheduleConfig};
use crate::tensor::values;
use std::f64::consts::PI;

/// `AdamW`: a mean of gradients, divided by the root of a mean of their squares.
///
/// Paper: Decoupled Weight Decay Regularization, arXiv:1711.05101.
#[derive(Clone, Debug)]
pub(crate) struct AdamW {
    config: OptimizerConfig,
    /// Of each parameter the mean gradient.
    pub(crate) means: Vec<Vec<f32>>,
    /// Of each parameter the mean squared gradient.
    pub(crate) squares: Vec<Vec<f32>>,
    /// How many steps were made.
    pub(crate) steps: usize,
}

impl AdamW {
    /// An optimizer of an adapter's parameters.
    pub(crate) fn new(config: &OptimizerConfig, adapter: &Adapter) -> Self {
        Self::of_sizes(config, adapter.parameters().map(|parameter| values(parameter).len()))
    }

    fn of_sizes(config: &OptimizerConfig, sizes: impl Iterator<Item = usize>) -> Self {
        let means: Vec<Vec<f32>> = sizes.map(|size| vec![0.0; size]).collect();
        Self { config: config.clone(), squares: means.clone(), means, steps: 0 }
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
        let OptimizerConfig { beta1, beta2, epsilon, weight_decay, .. } = self.config;
        let bias = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        let (step, root) = ((rate / bias(beta1)) as f32, bias(beta2).sqrt().recip() as f32);
        let (kept, kept_squares) = (beta1 as f32, beta2 as f32);
        let (factor, epsilon, decay) = (factor as f32, epsilon as f32, 1.0 - (rate * weight_decay) as f32);
        let state = self.means.iter_mut().zip(&mut self.squares);
        for ((parameter, gradient), (means, squares)) in parameters.zip(gradients).zip(state) {
            let numbers = parameter.iter_mut().zip(gradient).zip(means.iter_mut().zip(squares));
            for ((number, gradient), (mean, square)) in numbers {
                let gradient = factor * gradient;
                *mean = kept * *mean + (1.0 - kept) * gradient;
                *square = kept_squares * *square + (1.0 - kept_squares) * gradient * gradient;
                *number = decay * *number - step * *mean / (square.sqrt() * root + epsilon);
            }
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
        let mut optimizer = AdamW::of_sizes(&config, [2].into_iter());
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
