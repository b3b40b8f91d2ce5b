//! Products of rows with a constant matrix: the layers of nets.
//!
//! tract chooses a kernel by the size of the batch and lays the rows out anew for each product. The weights of a layer
//! are constant, so here they are laid out once, as strips of columns that fill the processor's vectors, and rows are
//! read where they stand. Every element is one chain of fused multiply-adds over the row, in order, whatever the batch.

use pulp::{Arch, Simd, WithSimd};
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Built, Exact};
use super::ml::tabular::{Form, Shared, Tabular, maker, slice, wire};

/// Rows that are multiplied together: with four vectors of columns, what the registers hold.
const ROWS: usize = 6;

/// Most vectors of columns in a strip.
const VECTORS: usize = 4;

/// A constant matrix of `inputs × outputs`.
#[derive(Debug)]
struct Weights {
    inputs: usize,
    outputs: usize,
    strips: Vec<Strip>,
    /// Strip by strip, input by input.
    values: Vec<f32>,
}

/// Some columns of the matrix.
#[derive(Debug, Clone, Copy)]
struct Strip {
    /// The first column.
    column: usize,
    /// Vectors of columns; the last may reach beyond the matrix, where its weights are zero.
    vectors: usize,
    /// Where its values begin.
    start: usize,
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

impl Weights {
    /// Lays the matrix out; `weight(input, output)` gives an element.
    fn new(inputs: usize, outputs: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let lanes = Arch::new().dispatch(Lanes);
        let most = if lanes >= 16 { VECTORS } else { VECTORS / 2 };
        let (mut strips, mut values) = (Vec::new(), Vec::new());
        let mut column = 0;
        while column < outputs {
            let vectors = (outputs - column).div_ceil(lanes).min(most);
            strips.push(Strip {
                column,
                vectors,
                start: values.len(),
            });
            for input in 0..inputs {
                values.extend((column..column + vectors * lanes).map(|output| {
                    if output < outputs {
                        weight(input, output)
                    } else {
                        0.0
                    }
                }));
            }
            column += vectors * lanes;
        }
        Self {
            inputs,
            outputs,
            strips,
            values,
        }
    }
}

/// A product in progress.
struct Product<'a> {
    weights: &'a Weights,
    bias: Option<&'a [f32]>,
    relu: bool,
    rows: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            weights,
            bias,
            relu,
            rows,
            out,
        } = self;
        let (inputs, outputs) = (weights.inputs, weights.outputs);
        let blocks = rows
            .chunks(ROWS * inputs)
            .zip(out.chunks_mut(ROWS * outputs));
        for (rows, out) in blocks {
            for strip in &weights.strips {
                let whole = rows.len() == ROWS * inputs;
                let place = Place {
                    weights,
                    strip: *strip,
                    bias,
                    relu,
                };
                match (whole, strip.vectors) {
                    (true, 1) => tile::<S, ROWS, 1>(simd, place, rows, out),
                    (true, 2) => tile::<S, ROWS, 2>(simd, place, rows, out),
                    (true, 3) => tile::<S, ROWS, 3>(simd, place, rows, out),
                    (true, _) => tile::<S, ROWS, 4>(simd, place, rows, out),
                    (false, vectors) => {
                        let singles = rows.chunks(inputs).zip(out.chunks_mut(outputs));
                        for (row, out) in singles {
                            match vectors {
                                1 => tile::<S, 1, 1>(simd, place, row, out),
                                2 => tile::<S, 1, 2>(simd, place, row, out),
                                3 => tile::<S, 1, 3>(simd, place, row, out),
                                _ => tile::<S, 1, 4>(simd, place, row, out),
                            }
                        }
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Place<'a> {
    weights: &'a Weights,
    strip: Strip,
    bias: Option<&'a [f32]>,
    relu: bool,
}

/// `R` rows times the `V` vectors of columns of a strip.
#[inline(always)]
fn tile<S: Simd, const R: usize, const V: usize>(
    simd: S,
    place: Place<'_>,
    rows: &[f32],
    out: &mut [f32],
) {
    let (inputs, outputs) = (place.weights.inputs, place.weights.outputs);
    let lanes = S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); V]; R];
    let rows: [&[f32]; R] = std::array::from_fn(|row| &rows[row * inputs..][..inputs]);
    let values = &place.weights.values[place.strip.start..][..inputs * V * lanes];
    let (vectors, _) = S::as_simd_f32s(values);
    for (input, weights) in vectors.as_chunks::<V>().0.iter().enumerate() {
        for (row, sums) in rows.iter().zip(&mut sums) {
            let value = simd.splat_f32s(row[input]);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_f32s(value, *weights, *sum);
            }
        }
    }
    let column = place.strip.column;
    let width = (outputs - column).min(V * lanes);
    for (row, sums) in sums.iter().enumerate() {
        let target = &mut out[row * outputs + column..][..width];
        if width == V * lanes {
            let (target, _) = S::as_mut_simd_f32s(target);
            let mut sums = *sums;
            if let Some(bias) = place.bias {
                let (bias, _) = S::as_simd_f32s(&bias[column..column + V * lanes]);
                for v in 0..V {
                    sums[v] = simd.add_f32s(sums[v], bias[v]);
                }
            }
            if place.relu {
                let zero = simd.splat_f32s(0.0);
                for sum in &mut sums {
                    // A NaN fails the comparison and stays.
                    *sum = simd.select_f32s(simd.less_than_f32s(*sum, zero), zero, *sum);
                }
            }
            target.copy_from_slice(&sums);
            continue;
        }
        // The last vector reaches beyond the matrix.
        let (whole, rest) = S::as_mut_simd_f32s(target);
        let count = whole.len();
        whole.copy_from_slice(&sums[..count]);
        let mut last = [0.0; 16];
        let (vector, _) = S::as_mut_simd_f32s(&mut last);
        vector[0] = sums[count];
        let len = rest.len();
        rest.copy_from_slice(&last[..len]);
        if let Some(bias) = place.bias {
            for (value, bias) in target.iter_mut().zip(&bias[column..]) {
                *value += bias;
            }
        }
        if place.relu {
            for value in target.iter_mut().filter(|value| **value < 0.0) {
                *value = 0.0;
            }
        }
    }
}

/// The operator: the first input times a constant, plus a constant row, held at zero or above.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dense {
    weights: Shared<Weights>,
    bias: Option<Shared<Vec<f32>>>,
    relu: bool,
}

/// A Relu of `input` computed with the product that it follows, if it follows one.
pub(super) fn with_relu(
    prefix: &str,
    model: &mut TypedModel,
    input: OutletId,
) -> TractResult<Option<TVec<OutletId>>> {
    let Some((dense, inputs)) = maker::<Dense>(model, input) else {
        return Ok(None);
    };
    let (inputs, dense) = (inputs.to_vec(), dense.clone());
    let dense = Dense {
        relu: true,
        ..dense
    };
    Ok(Some(wire(dense, prefix, model, &inputs)?))
}

/// The operator of a node with `arity` inputs, of which all but the first are in the weights and the bias already.
pub(super) fn dense(
    inputs: usize,
    outputs: usize,
    weight: impl Fn(usize, usize) -> f32,
    bias: Option<Vec<f32>>,
    arity: usize,
) -> Built {
    let dense = Dense {
        weights: Shared::new(Weights::new(inputs, outputs, weight)),
        bias: bias.map(Shared::new),
        relu: false,
    };
    Ok((expand(Node { dense, arity }), vec![]))
}

#[derive(Debug, Clone)]
struct Node {
    dense: Dense,
    arity: usize,
}

impl Expansion for Node {
    fn name(&self) -> StaticName {
        "MatMul".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.arity)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&inputs[0].datum_type, DatumType::F32)?;
        solver.equals(&outputs[0].datum_type, DatumType::F32)?;
        solver.given(&inputs[0].shape, move |solver, shape| {
            let shape = self.dense.shape(&shape)?;
            solver.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        wire(self.dense.clone(), prefix, model, &inputs[..1])
    }
}

impl Dense {
    fn shape(&self, input: &[TDim]) -> TractResult<TVec<TDim>> {
        let mut shape: TVec<TDim> = input.into();
        match shape.last_mut() {
            Some(last) if *last == self.weights.inputs.to_dim() && input.len() > 1 => {
                *last = self.weights.outputs.to_dim();
            }
            _ => bail!(
                "a product of {input:?} with a matrix of {} rows is not defined",
                self.weights.inputs
            ),
        }
        Ok(shape)
    }
}

impl Tabular for Dense {
    fn name(&self) -> &'static str {
        "MatMul"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let [input] = inputs else {
            bail!("MatMul takes one tensor beside its weights")
        };
        Ok(tvec!(Form::new(DatumType::F32, self.shape(&input.shape)?)))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let input = inputs[0];
        let mut shape: TVec<usize> = input.shape().into();
        if let Some(last) = shape.last_mut() {
            *last = self.weights.outputs;
        }
        let mut out = Tensor::zero::<f32>(&shape)?;
        Arch::new().dispatch(Product {
            weights: &self.weights,
            bias: self.bias.as_ref().map(|bias| bias.as_slice()),
            relu: self.relu,
            rows: slice::<f32>(input)?,
            out: out.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?,
        });
        Ok(tvec!(out))
    }
}

/// Weights that are laid out once; larger matrices than this stay with tract, which blocks them for the cache.
pub(super) const MOST_WEIGHTS: usize = 1 << 20;

/// Whether a bias of that shape is one row of `outputs` values, or one value.
pub(super) fn bias_row(bias: &[Exact], outputs: usize, scale: f32) -> Option<Vec<f32>> {
    let scaled = |value: &Exact| scale * value.get() as f32;
    match bias {
        [one] => Some(vec![scaled(one); outputs]),
        many if many.len() == outputs => Some(many.iter().map(scaled).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ml::tabular::tensor;
    use super::*;

    #[test]
    fn every_shape_is_the_plain_product() {
        for (rows, inputs, outputs) in [
            (1, 1, 2),
            (7, 3, 5),
            (13, 17, 33),
            (6, 64, 128),
            (20, 5, 70),
        ] {
            let weight = |i: usize, o: usize| ((i * 7 + o * 3) % 11) as f32 - 5.0;
            let bias: Vec<f32> = (0..outputs).map(|o| o as f32).collect();
            let values: Vec<f32> = (0..rows * inputs).map(|v| (v % 13) as f32 - 6.0).collect();
            let dense = Dense {
                weights: Shared::new(Weights::new(inputs, outputs, weight)),
                bias: Some(Shared::new(bias)),
                relu: false,
            };
            let input = tensor(&[rows, inputs], values.clone()).unwrap();
            let result = dense.eval(&[&input]).unwrap().remove(0);
            let got = slice::<f32>(&result).unwrap();
            let dense = Dense {
                relu: true,
                ..dense
            };
            let held = dense.eval(&[&input]).unwrap().remove(0);
            let held = slice::<f32>(&held).unwrap();
            let wanted: Vec<f32> = got.iter().map(|v| v.max(0.0)).collect();
            assert_eq!(held, wanted, "{rows} × {inputs} × {outputs}, held at zero");
            for row in 0..rows {
                for output in 0..outputs {
                    let wanted: f32 = (0..inputs)
                        .map(|i| values[row * inputs + i] * weight(i, output))
                        .sum::<f32>()
                        + output as f32;
                    assert_eq!(
                        got[row * outputs + output],
                        wanted,
                        "{rows} × {inputs} × {outputs}"
                    );
                }
            }
        }
    }
}
