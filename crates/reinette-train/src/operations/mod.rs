//! The parts of a decoder block as operations with gradients of their own: each passes over its numbers once, where a
//! composition of burn's elementwise operations would pass over them five to ten times.

mod attention;
mod cross_entropy;
mod gate;
mod linear;
mod rms_norm;
mod rotation;

pub(crate) use attention::{HeadShape, attention};
pub(crate) use cross_entropy::{AnswerLoss, Goals, OutputLayer, answer_loss, output_gradient};
pub(crate) use gate::gate;
pub(crate) use linear::{LowRank, Projection, biased, linear};
pub(crate) use rms_norm::rms_norm;
pub(crate) use rotation::{Rotation, rotate};
