//! SVMRegressor: the weighted sum of the kernel's values plus `rho`; with `one_class`, 1 where it is above
//! zero and -1 elsewhere.
//!
//! ONNX Runtime does not apply `post_transform` here, so neither do we.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Kernel, compare};
use super::{TILE, check_input, expect_len, read_vectors, weigh};
use crate::operators::blocks::Blocks;
use crate::operators::cpu::Level;
use crate::operators::kernel::Built;
use crate::operators::ml::attributes::Attributes;
use crate::operators::ml::post_transform::PostTransform;
use crate::operators::ml::tabular::{self, Form, Shared, Tabular, floats, tensor};

pub(super) fn build(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    tabular::build(SvmRegressor(Shared::new(Model::read(node)?)))
}

#[derive(Debug)]
struct Model {
    kernel: Kernel,
    vectors: Blocks,
    /// A weight for each vector. A linear model has one vector, of weight one, and its kernel adds `rho`.
    weights: Vec<f32>,
    rho: f32,
    one_class: bool,
}

impl Model {
    fn read(node: &NodeProto) -> TractResult<Self> {
        let attributes = Attributes::of(node);
        let coefficients = attributes.floats("coefficients");
        let rho = attributes.floats("rho");
        expect_len(node, "rho", rho, 1)?;
        PostTransform::parse(attributes.string("post_transform")?)?;
        let supports = attributes.int("n_supports").unwrap_or(0);
        let Ok(supports) = usize::try_from(supports) else {
            bail!("SVMRegressor has {supports} support vectors");
        };
        let one_class = attributes.int("one_class").unwrap_or(0) != 0;
        if supports > 0 {
            expect_len(node, "coefficients", coefficients, supports)?;
            return Ok(Self {
                kernel: Kernel::read(&node.op_type, &attributes, None)?,
                vectors: read_vectors(node, &attributes, supports)?,
                weights: coefficients.to_vec(),
                rho: rho[0],
                one_class,
            });
        }
        ensure!(!coefficients.is_empty(), "SVMRegressor has no coefficients");
        ensure!(
            attributes.floats("support_vectors").is_empty(),
            "SVMRegressor has support vectors, but n_supports is 0"
        );
        Ok(Self {
            kernel: Kernel::read(&node.op_type, &attributes, Some(rho[0]))?,
            vectors: Blocks::new(coefficients, 1),
            weights: vec![1.0],
            rho: 0.0,
            one_class,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SvmRegressor(Shared<Model>);

impl Tabular for SvmRegressor {
    fn name(&self) -> &'static str {
        "SVMRegressor"
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let rows = check_input(self.name(), inputs, &self.0.vectors)?;
        Ok(tvec!(Form::new(DatumType::F32, [rows, 1.to_dim()])))
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let model = &*self.0;
        let level = Level::detect();
        let input = floats(inputs[0])?;
        let rows = inputs[0].shape()[0];
        let (columns, count) = (model.vectors.width(), model.vectors.count());
        let mut scores = vec![0.0; rows];
        let mut values = vec![0.0; TILE.min(rows) * count];
        for (input, scores) in input.chunks(TILE * columns).zip(scores.chunks_mut(TILE)) {
            let values = &mut values[..scores.len() * count];
            compare(&model.kernel, &model.vectors, level, input, values);
            for (values, score) in values.chunks_exact(count).zip(scores) {
                *score = (weigh(&model.weights, values) + f64::from(model.rho)) as f32;
                if model.one_class {
                    *score = if *score > 0.0 { 1.0 } else { -1.0 };
                }
            }
        }
        Ok(tvec!(tensor(&[rows, 1], scores)?))
    }
}
