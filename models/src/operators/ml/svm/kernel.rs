//! Kernels: how alike a row and a support vector are.
//!
//! LINEAR is the product x·v (plus `rho` in a model without support vectors), POLY (γ x·v + c)^d, SIGMOID tanh(γ x·v + c), RBF exp(−γ |x − v|²), with γ, c and d
//! in this order in `kernel_params`.
//!
//! Each vector adds up its columns in their order ([`Blocks`]): a row's value is the same bits in every batch.
//! Products are added in float64, where terms that cancel do no harm; squares, which cannot cancel, in float32.

use tract_onnx::tract_hir::internal::*;

use crate::operators::blocks::{Block, Blocks, LANES};
use crate::operators::cpu::Level;
use crate::operators::ml::attributes::Attributes;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Linear,
    Poly,
    Rbf,
    Sigmoid,
}

/// A kernel with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kernel {
    function: Function,
    gamma: f32,
    coef0: f32,
    degree: f32,
}

impl Kernel {
    /// The kernel of a node. A node without support vectors has the LINEAR one, with `rho` added.
    pub(super) fn read(
        operator: &str,
        attributes: &Attributes,
        linear: Option<f32>,
    ) -> TractResult<Self> {
        let name = attributes.string("kernel_type")?;
        let function = match name.as_deref() {
            None | Some("LINEAR") => Function::Linear,
            Some("POLY") => Function::Poly,
            Some("RBF") => Function::Rbf,
            Some("SIGMOID") => Function::Sigmoid,
            Some(other) => bail!("kernel_type `{other}` of {operator} is not one of ONNX's"),
        };
        let [gamma, coef0, degree] = *attributes.floats("kernel_params") else {
            bail!("{operator} needs three kernel_params: gamma, coef0 and degree");
        };
        Ok(if linear.is_some() || function == Function::Linear {
            Self {
                function: Function::Linear,
                gamma: 1.0,
                coef0: linear.unwrap_or(0.0),
                degree,
            }
        } else {
            Self {
                function,
                gamma,
                coef0,
                degree,
            }
        })
    }

    #[inline(always)]
    fn block(&self, row: &[f32], block: &Block) -> [f32; LANES] {
        match self.function {
            Function::Rbf => squares(row, block).map(|square| (-self.gamma * square).exp()),
            Function::Linear => self.scaled(row, block),
            Function::Poly => self.scaled(row, block).map(|value| match self.degree {
                2.0 => value * value,
                3.0 => value * value * value,
                degree => value.powf(degree),
            }),
            Function::Sigmoid => self.scaled(row, block).map(f32::tanh),
        }
    }

    /// γ x·v + c
    #[inline(always)]
    fn scaled(&self, row: &[f32], block: &Block) -> [f32; LANES] {
        let (gamma, coef0) = (f64::from(self.gamma), f64::from(self.coef0));
        products(row, block).map(|product| (gamma * product + coef0) as f32)
    }
}

#[inline(always)]
fn products(row: &[f32], block: &Block) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (value, column) in row.iter().zip(block) {
        let value = f64::from(*value);
        for lane in 0..LANES {
            sums[lane] += value * f64::from(column[lane]);
        }
    }
    sums
}

#[inline(always)]
fn squares(row: &[f32], block: &Block) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (value, column) in row.iter().zip(block) {
        for lane in 0..LANES {
            let difference = value - column[lane];
            sums[lane] += difference * difference;
        }
    }
    sums
}

/// Writes the kernel's value of each row with each vector, a row of values for each row.
pub(super) fn compare(
    kernel: &Kernel,
    vectors: &Blocks,
    level: Level,
    rows: &[f32],
    values: &mut [f32],
) {
    level.run(|| {
        for (first, len, block) in vectors.iter() {
            let values = values.chunks_exact_mut(vectors.count());
            for (row, values) in rows.chunks_exact(vectors.width()).zip(values) {
                let block = kernel.block(row, block);
                values[first..first + len].copy_from_slice(&block[..len]);
            }
        }
    });
}
