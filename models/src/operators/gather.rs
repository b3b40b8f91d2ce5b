//! Gather: as tract does it, except that strings are only gathered one by one.
//!
//! Where a whole list of strings stands at an index, ONNX Runtime copies the first of them and leaves the rest
//! empty. Nobody means that, so such a node does not load.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::array;

use super::kernel::Built;
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: DEFAULT_DOMAIN,
    name: "Gather",
    types: Types::F32
        .or(Types::F64)
        .or(Types::I32)
        .or(Types::I64)
        .or(Types::BOOL)
        .or(Types::STRING),
    attributes: &["axis"],
    engine: Engine::Own(gather),
}];

fn gather(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let axis = node.get_attr_opt("axis")?.unwrap_or(0);
    Ok((expand(Gather(array::Gather::new(axis))), vec![]))
}

#[derive(Debug, Clone)]
struct Gather(array::Gather);

impl Expansion for Gather {
    fn name(&self) -> StaticName {
        "Gather".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.0.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let values = model.outlet_fact(inputs[0])?;
        if values.datum_type == DatumType::String {
            let axis = self.0.to_type_op(values.rank()).axis;
            let list: TDim = values.shape.iter().skip(axis + 1).product();
            ensure!(
                list == 1.to_dim(),
                "Gather of lists of {list} strings is not supported: ONNX Runtime gives the first of them alone. Gather along the last axis"
            );
        }
        self.0.wire(prefix, model, inputs)
    }
}
