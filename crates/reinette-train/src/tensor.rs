//! The one door to burn: tensors with and without gradients, and how an operation of our own joins its graph.

use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn_backend::ops::FloatTensorOps;
use burn_backend::tensor::FloatTensor;
use burn_backend::{Shape, TensorData, TensorMetadata};
use burn_flex::{Flex, FlexTensor};
use std::fmt::Debug;
use std::marker::PhantomData;

/// Numbers whose gradient nobody asks for.
pub(crate) type Frozen = FlexTensor;

/// Numbers that remember how they were computed.
pub(crate) type Tracked = FloatTensor<Autodiff<Flex>>;

/// A tensor of these numbers, row-major.
///
/// # Panics
/// If there are not as many as the shape says.
pub(crate) fn frozen<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Frozen {
    FlexTensor::from_data(TensorData::new(values, Shape::from(shape)))
}

/// The numbers of a tensor, row-major.
///
/// # Panics
/// If the tensor is a view that leaves gaps: [`compact`] makes one that does not.
pub(crate) fn values(tensor: &Frozen) -> &[f32] {
    tensor.as_slice().expect("the caller has made the tensor compact")
}

/// The same tensor with its numbers side by side.
pub(crate) fn compact(tensor: &Frozen) -> Frozen {
    tensor.to_contiguous()
}

/// The rows of a matrix whose last dimension is its width, however many dimensions stand before it.
pub(crate) fn n_rows(tensor: &Frozen) -> usize {
    let shape = tensor.shape();
    shape.num_elements() / shape[shape.num_dims() - 1].max(1)
}

/// `left · right`, over the last two dimensions.
pub(crate) fn product(left: &Frozen, right: &Frozen) -> Frozen {
    Flex::float_matmul(left.clone(), right.clone())
}

/// The last two dimensions exchanged, without copying.
pub(crate) fn transposed(tensor: &Frozen) -> Frozen {
    let rank = tensor.shape().num_dims();
    tensor.transpose(rank - 2, rank - 1)
}

/// `left + right`, of the same shape.
pub(crate) fn sum(left: Frozen, right: Frozen) -> Frozen {
    Flex::float_add(left, right)
}

/// `tensor · factor`.
pub(crate) fn scaled(tensor: Frozen, factor: f32) -> Frozen {
    Flex::float_mul_scalar(tensor, factor.into())
}

/// Zeros in the shape of another tensor.
pub(crate) fn zeros_like(tensor: &Frozen) -> Frozen {
    FlexTensor::zeros(tensor.shape(), tensor.dtype())
}

/// A tensor from which gradients are wanted.
pub(crate) fn leaf(tensor: Frozen) -> Tracked {
    Tracked::new(tensor).require_grad()
}

/// `left + right`, remembered.
pub(crate) fn add(left: Tracked, right: Tracked) -> Tracked {
    <Autodiff<Flex> as FloatTensorOps<Autodiff<Flex>>>::float_add(left, right)
}

/// An operation of our own: what it keeps of its forward pass, from which its gradients follow.
pub(crate) trait Operation<const N: usize>: Clone + Debug + Send + 'static {
    /// The gradients of the `N` inputs from that of the output.
    fn gradients(self, upstream: &Frozen) -> [Frozen; N];
}

/// Makes `output`, which `operation` has computed from `inputs`, part of the graph.
pub(crate) fn record<O: Operation<N>, const N: usize>(inputs: [&Tracked; N], output: Frozen, operation: O) -> Tracked {
    if !inputs.iter().any(|input| input.is_tracked()) {
        return Tracked::new(output);
    }
    let nodes: [NodeGuard; N] = inputs.map(Tracked::node);
    let recorded = Recorded::<O>(PhantomData);
    match Backward::<Flex, N>::prepare::<NoCheckpointing>(recorded, nodes).compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(operation, output),
        OpsKind::UnTracked(step) => step.finish(output),
    }
}

/// [`Operation`] as burn knows operations.
#[derive(Debug)]
struct Recorded<O>(PhantomData<O>);

impl<O: Operation<N>, const N: usize> Backward<Flex, N> for Recorded<O> {
    type State = O;

    fn backward(self, ops: Ops<O, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let upstream = compact(&gradients.consume::<Flex>(&ops.node));
        for (parent, gradient) in ops.parents.into_iter().zip(ops.state.gradients(&upstream)) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// Computes the gradients of everything that `output` was computed from, given its own.
pub(crate) fn backward(output: &Tracked, gradient: Frozen) -> Gradients {
    let root = record([output], frozen(vec![0.0], [1]), Given(gradient));
    root.backward()
}

/// A scalar whose derivative by its input is given.
#[derive(Clone, Debug)]
struct Given(Frozen);

impl Operation<1> for Given {
    fn gradients(self, _: &Frozen) -> [Frozen; 1] {
        [self.0]
    }
}

/// The gradient of a leaf, side by side; zeros where nothing depended on it.
pub(crate) fn gradient_of(leaf: &Tracked, gradients: &mut Gradients) -> Frozen {
    let found = leaf.grad_remove(gradients).map(|gradient| compact(&gradient));
    found.unwrap_or_else(|| zeros_like(leaf.primitive()))
}

/// The length of each row of a matrix.
pub(crate) fn row_lengths(matrix: &Frozen) -> impl Iterator<Item = f32> {
    let width = matrix.layout().shape()[1];
    values(matrix).chunks_exact(width).map(|row| dot(row, row).sqrt())
}

/// The sum of products, in eight interleaved sums that the compiler can keep in vector registers.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left_blocks, left_rest) = left.as_chunks::<8>();
    let (right_blocks, right_rest) = right.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    sums.iter().sum::<f32>() + rest
}
