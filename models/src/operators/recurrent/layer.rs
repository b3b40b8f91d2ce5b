//! The whole operator: all steps of all rows, in one direction or both.

use tract_onnx::tract_hir::internal::*;

use super::cells::{Cell, Kind, States};
use crate::operators::cpu::Level;
use crate::operators::ml::tabular::{Form, Shared, Tabular, slice, tensor};

/// One direction.
#[derive(Debug)]
pub(super) struct Layer {
    /// From the last step to the first.
    pub(super) reversed: bool,
    pub(super) cell: Cell,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recurrent {
    pub(super) layers: Shared<Vec<Layer>>,
    pub(super) kind: Kind,
    /// Values of a step.
    pub(super) columns: usize,
    pub(super) hidden: usize,
    /// Inputs that the node has.
    pub(super) inputs: usize,
    /// Which of them are the first states.
    pub(super) initial_h: Option<usize>,
    pub(super) initial_c: Option<usize>,
    /// Which outputs are wanted: of each step, the last state, the last cell.
    pub(super) outputs: [bool; 3],
}

impl Recurrent {
    /// Shape of a state: directions, rows, units.
    fn state(&self, rows: usize) -> [usize; 3] {
        [self.layers.len(), rows, self.hidden]
    }
}

impl Tabular for Recurrent {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Lstm => "LSTM",
            Kind::Gru { .. } => "GRU",
            Kind::Rnn => "RNN",
        }
    }

    fn output_count(&self) -> usize {
        self.outputs.iter().filter(|wanted| **wanted).count()
    }

    fn outputs(&self, inputs: &[Form]) -> TractResult<TVec<Form>> {
        let name = self.name();
        ensure!(
            inputs.len() == self.inputs && inputs[0].shape.len() == 3,
            "{name} takes a tensor of three dimensions: steps, rows and columns"
        );
        let (steps, rows, columns) = (
            inputs[0].shape[0].to_usize()?,
            inputs[0].shape[1].to_usize()?,
            inputs[0].shape[2].to_usize()?,
        );
        ensure!(
            columns == self.columns && inputs[0].datum == DatumType::F32,
            "{name} has weights for {} columns, but its input has {columns}",
            self.columns
        );
        let state = self.state(rows);
        for initial in [self.initial_h, self.initial_c].into_iter().flatten() {
            let shape: TVec<TDim> = state.iter().map(|size| size.to_dim()).collect();
            ensure!(
                inputs[initial].shape == shape && inputs[initial].datum == DatumType::F32,
                "the initial state of {name} has another shape than {state:?}"
            );
        }
        let form = |shape: &[usize]| Form::new(DatumType::F32, shape.iter().map(|d| d.to_dim()));
        let forms = [
            form(&[steps, state[0], rows, self.hidden]),
            form(&state),
            form(&state),
        ];
        let wanted = forms.into_iter().zip(self.outputs);
        Ok(wanted
            .filter_map(|(form, wanted)| wanted.then_some(form))
            .collect())
    }

    fn eval(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let level = Level::detect();
        let [steps, rows, columns] = *inputs[0].shape() else {
            bail!("{} takes a tensor of three dimensions", self.name());
        };
        let input = slice::<f32>(inputs[0])?;
        let (step_len, len) = (rows * columns, rows * self.hidden);
        let directions = self.layers.len();
        let every_step = if self.outputs[0] { steps } else { 0 };
        let mut y = vec![0.0; every_step * directions * len];
        let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
        let mut states = States::default();
        for (direction, layer) in self.layers.iter().enumerate() {
            let initial = |input: Option<usize>| match input {
                Some(input) => Ok(slice::<f32>(inputs[input])?[direction * len..][..len].to_vec()),
                None => TractResult::Ok(vec![0.0; len]),
            };
            states.h = initial(self.initial_h)?;
            states.c = initial(self.initial_c)?;
            for step in 0..steps {
                let step = if layer.reversed {
                    steps - 1 - step
                } else {
                    step
                };
                let input = &input[step * step_len..][..step_len];
                layer.cell.step(level, input, &mut states)?;
                if self.outputs[0] {
                    y[(step * directions + direction) * len..][..len].copy_from_slice(&states.h);
                }
            }
            last_h.extend_from_slice(&states.h);
            last_c.extend_from_slice(&states.c);
        }
        let state = self.state(rows);
        let mut outputs = tvec!();
        if self.outputs[0] {
            outputs.push(tensor(&[steps, directions, rows, self.hidden], y)?);
        }
        if self.outputs[1] {
            outputs.push(tensor(&state, last_h)?);
        }
        if self.outputs[2] {
            outputs.push(tensor(&state, last_c)?);
        }
        Ok(outputs)
    }
}
