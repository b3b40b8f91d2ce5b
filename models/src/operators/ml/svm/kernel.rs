//! Kernels: how alike a row and a support vector are.
//!
//! LINEAR is the product x·v (plus `rho` in a model without support vectors), POLY (γ x·v + c)^d, SIGMOID tanh(γ x·v + c), RBF exp(−γ |x − v|²), with γ, c and d
//! in this order in `kernel_params`.
//!
//! Vectors are kept in blocks of [`LANES`], column by column, so that one instruction serves several vectors
//! and each of them adds up its columns in their order: a row's value is the same bits in every batch. Products are
//! added in float64, where terms that cancel do no harm; squares, which cannot cancel, in float32.

use tract_onnx::tract_hir::internal::*;

use crate::operators::ml::attributes::Attributes;

/// Vectors that are worked on side by side.
const LANES: usize = 16;

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

    fn block(&self, row: &[f32], block: &[[f32; LANES]]) -> [f32; LANES] {
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
    fn scaled(&self, row: &[f32], block: &[[f32; LANES]]) -> [f32; LANES] {
        let (gamma, coef0) = (f64::from(self.gamma), f64::from(self.coef0));
        products(row, block).map(|product| (gamma * product + coef0) as f32)
    }
}

fn products(row: &[f32], block: &[[f32; LANES]]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (value, column) in row.iter().zip(block) {
        let value = f64::from(*value);
        for lane in 0..LANES {
            sums[lane] += value * f64::from(column[lane]);
        }
    }
    sums
}

fn squares(row: &[f32], block: &[[f32; LANES]]) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for (value, column) in row.iter().zip(block) {
        for lane in 0..LANES {
            let difference = value - column[lane];
            sums[lane] += difference * difference;
        }
    }
    sums
}

/// Vectors of one length.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vectors {
    /// For each block of vectors, for each column, the values of the vectors; zero past the last vector.
    columns: Vec<[f32; LANES]>,
    width: usize,
    count: usize,
}

impl Vectors {
    /// `count` vectors, one after the other in `values`, whose length is a multiple of it.
    pub(super) fn new(values: &[f32], count: usize) -> Self {
        let width = values.len() / count.max(1);
        let mut columns = vec![[0.0; LANES]; count.div_ceil(LANES) * width];
        for (vector, values) in values.chunks_exact(width.max(1)).enumerate() {
            for (column, value) in values.iter().enumerate() {
                columns[vector / LANES * width + column][vector % LANES] = *value;
            }
        }
        Self {
            columns,
            width,
            count,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Length of a vector.
    pub(super) fn columns(&self) -> usize {
        self.width
    }

    /// Writes the kernel's value of each row with each vector, a row of `count` values for each row.
    pub(super) fn compare(&self, kernel: &Kernel, rows: &[f32], values: &mut [f32]) {
        for (index, block) in self.columns.chunks_exact(self.width.max(1)).enumerate() {
            let first = index * LANES;
            let len = LANES.min(self.count - first);
            for (row, values) in rows
                .chunks_exact(self.width)
                .zip(values.chunks_exact_mut(self.count))
            {
                let block = kernel.block(row, block);
                values[first..first + len].copy_from_slice(&block[..len]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_past_a_block_are_compared_too() {
        let count = LANES + 3;
        let values: Vec<f32> = (0..count * 2).map(|value| value as f32 * 0.25).collect();
        let vectors = Vectors::new(&values, count);
        let kernel = Kernel {
            function: Function::Linear,
            gamma: 1.0,
            coef0: 0.0,
            degree: 0.0,
        };
        let rows = [1.0, -2.0, 0.5, 3.0];
        let mut found = vec![0.0; 2 * count];
        vectors.compare(&kernel, &rows, &mut found);
        for (row, found) in rows.chunks(2).zip(found.chunks(count)) {
            for (vector, found) in values.chunks(2).zip(found) {
                assert_eq!(*found, row[0] * vector[0] + row[1] * vector[1]);
            }
        }
    }
}
