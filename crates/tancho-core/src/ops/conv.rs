//! Convolutions and their transposes.

use tancho_ir::ops::{ConvAxes, ConvOp, Op, WindowAxis, window};
use tancho_ir::{Dim as IrDim, Dims, TensorType, Value};

use super::window::{Padding, WindowOptions, halves, number_of};
use crate::apply::{Attributes, apply};
use crate::builder::{Builder, require};
use crate::error::Fault;
use crate::operand::{AsTensor, Operand, resolve};
use crate::tensor::Tensor;

/// How the kernel of a convolution moves; the default is one step at a time, without padding.
///
/// A list that is empty stands for ones.
///
/// ```
/// # use tancho_core::{ConvOptions, Padding};
/// let options = ConvOptions { strides: vec![2, 2], padding: Padding::Same, ..ConvOptions::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvOptions {
    /// By how much the kernel moves along each spatial axis.
    pub strides: Vec<i64>,
    pub padding: Padding,
    /// The distance of neighbours within the kernel.
    pub dilation: Vec<i64>,
    /// The distance of the input's elements, between which there are holes.
    pub input_dilation: Vec<i64>,
    /// Into how many parts the features are divided, each of which has output features of its own.
    pub groups: usize,
    pub layout: ConvLayout,
}

/// Which axes are batch, features and space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConvLayout {
    /// Input and result `[batch, …spatial, features]`, kernel `[…spatial, inputs, outputs]`: NHWC and HWIO.
    #[default]
    ChannelsLast,
    /// Input and result `[batch, features, …spatial]`, kernel `[outputs, inputs, …spatial]`: NCHW and OIHW.
    ChannelsFirst,
}

impl Default for ConvOptions {
    fn default() -> Self {
        ConvOptions {
            strides: Vec::new(),
            padding: Padding::Valid,
            dilation: Vec::new(),
            input_dilation: Vec::new(),
            groups: 1,
            layout: ConvLayout::ChannelsLast,
        }
    }
}

impl Tensor {
    /// Sums of products of a kernel, which moves over the spatial axes, with the elements below it.
    ///
    /// # Shape
    /// `[n, …spatial, groups·i]`, kernel `[…sizes, i, o] → [n, …places, o]`; see [`ConvLayout`] for the other order.
    ///
    /// # Numerics
    /// The kernel is not reversed. Products are summed in the fixed order of `dot_general`, over the places of the kernel in
    /// row-major order and the input features of each. Integers wrap; 16-bit floats are summed in `f32` and rounded once.
    ///
    /// # Errors
    /// Dtypes or ranks differ; the features do not fit the kernel and the groups; options are not as many as the spatial
    /// axes, or not positive.
    #[track_caller]
    pub fn conv(&self, kernel: impl AsTensor, options: &ConvOptions) -> Tensor {
        let mut inputs = [Operand::Lend(self), kernel.into_operand()];
        resolve("conv", &mut inputs);
        apply("conv", options.attributes(), inputs, &|builder, values| {
            let [x, kernel] = [values[0], values[1]];
            let axes = options.check(builder, x, kernel)?;
            let (moves, of, kernel_of) = (options.moves(), builder.type_of(x), builder.type_of(kernel));
            let window = axes.data.spatial.iter().zip(&axes.kernel.spatial).enumerate();
            let window = window.map(|(number, (&axis, &kernel_axis))| {
                let along = moves.axis(number, &kernel_of.dims[kernel_axis], &of.dims[axis]);
                WindowAxis { size: IrDim::ONE, ..along }
            });
            let window = window.collect();
            let op = options.op(axes, window, false);
            builder.add(Op::Conv(op), &[x, kernel])
        })
    }

    /// The transpose of a convolution, also known as deconvolution: what [`Tensor::conv`] with the same kernel and options
    /// maps an input to, this maps back to the input's shape. It is that convolution's gradient.
    ///
    /// # Shape
    /// `[n, …places, o]`, kernel `[…sizes, i, o] → [n, …spatial, groups·i]`. A spatial axis has `places · stride` elements
    /// with [`Padding::Same`]; `places · stride + max(size − stride, 0)` with [`Padding::Valid`]; and with
    /// [`Padding::Explicit`] `(places − 1) · stride + size` less the padding, where the size is that of the dilated kernel.
    ///
    /// # Numerics
    /// As [`Tensor::conv`], on the input with holes and the reversed kernel.
    ///
    /// # Errors
    /// As [`Tensor::conv`], or an `input_dilation` is given.
    #[track_caller]
    pub fn conv_transpose(&self, kernel: impl AsTensor, options: &ConvOptions) -> Tensor {
        let mut inputs = [Operand::Lend(self), kernel.into_operand()];
        resolve("conv_transpose", &mut inputs);
        apply("conv_transpose", options.attributes(), inputs, &|builder, values| {
            let [x, kernel] = [values[0], values[1]];
            require(options.input_dilation.is_empty(), || "takes no input dilation, since it makes one".into())?;
            let mut axes = options.check(builder, x, kernel)?;
            let sizes = builder.dims(kernel);
            let window = (0..axes.kernel.spatial.len())
                .map(|number| options.transposed_window(number, &sizes[axes.kernel.spatial[number]]));
            let window = window.collect();
            let kernel = transposed_groups(builder, kernel, &axes.kernel, options.groups)?;
            // What the kernel gave are the input features now, and the other way round.
            std::mem::swap(&mut axes.kernel.batch, &mut axes.kernel.feature);
            let op = options.op(axes, window, true);
            builder.add(Op::Conv(op), &[x, kernel])
        })
    }
}

/// The axes of the input, which are those of the result, and of the kernel.
struct Layout {
    data: ConvAxes,
    kernel: ConvAxes,
}

impl ConvOptions {
    fn attributes(&self) -> Attributes {
        let groups = i64::try_from(self.groups).unwrap_or(i64::MAX);
        let channels_first = self.layout == ConvLayout::ChannelsFirst;
        self.moves().attributes(Attributes::none().integer(groups).flag(channels_first))
    }

    fn moves(&self) -> WindowOptions {
        WindowOptions {
            strides: self.strides.clone(),
            padding: self.padding.clone(),
            dilation: self.dilation.clone(),
            input_dilation: self.input_dilation.clone(),
        }
    }

    /// Checks ranks, lists and groups; gives the axes.
    fn check(&self, builder: &Builder<'_>, x: Value, kernel: Value) -> Result<Layout, Fault> {
        let (of, kernel) = (builder.type_of(x), builder.type_of(kernel));
        let rank = of.rank();
        require(rank >= 2, || format!("takes an input with batch and features, not {of}"))?;
        require(rank == kernel.rank(), || format!("ranks differ: input {of}, kernel {kernel}"))?;
        require(of.dtype == kernel.dtype, || {
            format!("dtypes differ: input {of}, kernel {kernel}; use .to(dtype) on one")
        })?;
        self.moves().check(rank - 2)?;
        require(self.groups > 0, || "there are no groups".into())?;
        let axes =
            |batch, feature, spatial: std::ops::Range<usize>| ConvAxes { batch, feature, spatial: spatial.collect() };
        Ok(match self.layout {
            ConvLayout::ChannelsLast => {
                Layout { data: axes(0, rank - 1, 1..rank - 1), kernel: axes(rank - 1, rank - 2, 0..rank - 2) }
            }
            ConvLayout::ChannelsFirst => Layout { data: axes(0, 1, 2..rank), kernel: axes(0, 1, 2..rank) },
        })
    }

    fn op(&self, axes: Layout, window: Vec<WindowAxis>, reversed: bool) -> ConvOp {
        ConvOp {
            reversed: vec![reversed; window.len()],
            window,
            output: axes.data.clone(),
            lhs: axes.data,
            rhs: axes.kernel,
            feature_groups: self.groups,
            batch_groups: 1,
        }
    }

    /// The window of the transpose along spatial axis `number`: the stride becomes holes in the input, and the padding what
    /// the window's span leaves of it.
    fn transposed_window(&self, number: usize, size: &IrDim) -> WindowAxis {
        let (stride, dilation) = (number_of(&self.strides, number), number_of(&self.dilation, number));
        let reach = window::dilated(size, dilation) - IrDim::ONE;
        // How far the stride goes beyond the window: elements that no window reached.
        let skipped = (IrDim::known(stride) - IrDim::ONE - reach.clone()).maximum(&IrDim::ZERO);
        let (low, high) = match &self.padding {
            Padding::Valid => (reach.clone(), reach + skipped),
            Padding::Explicit(sizes) => {
                (reach.clone() - IrDim::known(sizes[number].0), reach - IrDim::known(sizes[number].1))
            }
            Padding::Same => {
                let padded = (reach.clone() + IrDim::ONE - IrDim::known(stride)).maximum(&IrDim::ZERO);
                let (before, after) = halves(padded);
                (reach.clone() - before, reach - after + skipped)
            }
        };
        WindowAxis { size: IrDim::ONE, stride: 1, low, high, base_dilation: stride, dilation }
    }
}

/// The kernel with its groups moved from the outputs to the inputs, as the transpose needs them.
fn transposed_groups(builder: &mut Builder<'_>, kernel: Value, axes: &ConvAxes, groups: usize) -> Result<Value, Fault> {
    if groups == 1 {
        return Ok(kernel);
    }
    let of: TensorType = builder.type_of(kernel).clone();
    let (outputs, inputs) = (axes.batch, axes.feature);
    let groups_dim = IrDim::known(i64::try_from(groups).unwrap_or(i64::MAX));
    let outputs_of_group = of.dims[outputs].floor_div(&groups_dim).unwrap_or(IrDim::ZERO);
    let even = (outputs_of_group.clone() * groups_dim.clone()).always_equals(&of.dims[outputs]);
    require(even == Some(true), || {
        format!("{} output features of {of} are no multiple of {groups} groups", of.dims[outputs])
    })?;
    let mut split: Dims = of.dims.clone();
    split[outputs] = outputs_of_group.clone();
    split.insert(outputs, groups_dim.clone());
    let divided = builder.reshape(kernel, split)?;
    let mut permutation: Vec<usize> = (0..=of.rank()).filter(|&axis| axis != outputs).collect();
    // The inputs' axis stands where it stood, since the groups are taken out; they go before it.
    permutation.insert(inputs, outputs);
    let moved = builder.transpose(divided, permutation)?;
    let mut merged = of.dims;
    merged[outputs] = outputs_of_group;
    merged[inputs] = merged[inputs].clone() * groups_dim;
    builder.reshape(moved, merged)
}
