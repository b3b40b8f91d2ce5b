//! One step of a sequence: the next state from the last one and the step's input.
//!
//! With σ the gates' activation, g and h the others:
//! - LSTM: i, o, f = σ(W x + R h + b), c' = f c + i g(W x + R h + b), h' = o h(c')
//! - GRU: z, r = σ(W x + R h + b), h' = (1 − z) g(W x + R (r h) + b) + z h, or with `linear_before_reset`
//!   g(W x + r (R h + b) + b)
//! - RNN: h' = g(W x + R h + b)

use tract_onnx::tract_hir::internal::*;

use super::gate_weights;
use super::gates::{Activation, Bounds, Formula};
use crate::operators::blocks::Blocks;
use crate::operators::cpu::Level;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Lstm,
    Gru { linear: bool },
    Rnn,
}

#[derive(Debug)]
pub(super) struct Cell {
    kind: Kind,
    hidden: usize,
    /// Weights of the input, for all gates.
    input: Blocks,
    /// Weights of the state; of GRU for the two gates.
    state: Blocks,
    /// GRU: weights of the state for the candidate.
    candidate: Option<Blocks>,
    /// Both biases of each gate, added; empty if there are none.
    biases: Vec<f32>,
    /// GRU with `linear_before_reset`: the bias that is added before.
    inner: Vec<f32>,
    activations: Vec<Activation>,
    bounds: Bounds,
}

/// The states of all rows, and room for a step.
#[derive(Debug, Default)]
pub(super) struct States {
    pub(super) h: Vec<f32>,
    /// LSTM alone.
    pub(super) c: Vec<f32>,
    sums: Vec<f32>,
    candidates: Vec<f32>,
    scratch: Vec<f32>,
}

impl Cell {
    /// `biases` holds those of the input, then those of the state, or nothing.
    pub(super) fn new(
        kind: Kind,
        w: &[f32],
        r: &[f32],
        biases: &[f32],
        hidden: usize,
        activations: Vec<Activation>,
        bounds: Bounds,
    ) -> Self {
        let gates = r.len() / (hidden * hidden);
        let (of_input, of_state) = biases.split_at(biases.len() / 2);
        let mut sums: Vec<f32> = of_input.iter().zip(of_state).map(|(a, b)| a + b).collect();
        let mut inner = Vec::new();
        if kind == (Kind::Gru { linear: true }) && !biases.is_empty() {
            sums[2 * hidden..].copy_from_slice(&of_input[2 * hidden..]);
            inner = of_state[2 * hidden..].to_vec();
        }
        let gru = matches!(kind, Kind::Gru { .. });
        Self {
            kind,
            hidden,
            input: Blocks::new(w, gates * hidden),
            state: gate_weights(r, hidden, hidden, 0..if gru { 2 } else { gates }),
            candidate: gru.then(|| gate_weights(r, hidden, hidden, 2..3)),
            biases: sums,
            inner,
            activations,
            bounds,
        }
    }

    /// The bias of a gate, empty if there is none.
    fn biases(&self, gate: usize) -> &[f32] {
        self.biases
            .get(gate * self.hidden..(gate + 1) * self.hidden)
            .unwrap_or_default()
    }

    /// Takes the states of all rows a step further. `input` has a row of columns for each of them.
    pub(super) fn step(&self, level: Level, input: &[f32], states: &mut States) -> TractResult<()> {
        let hidden = self.hidden;
        let States {
            h,
            c,
            sums,
            candidates,
            scratch,
        } = states;
        let rows = h.len() / hidden;
        sums.clear();
        sums.resize(rows * self.input.count(), 0.0);
        self.input.add_products(level, input, sums);
        match self.kind {
            Kind::Rnn => {
                self.state.add_products(level, h, sums);
                for (h, sums) in h
                    .chunks_exact_mut(hidden)
                    .zip(sums.chunks_exact_mut(hidden))
                {
                    self.bounds.apply(sums, self.biases(0));
                    self.activations[0].apply(Formula::Exact, sums);
                    h.copy_from_slice(sums);
                }
            }
            Kind::Lstm => {
                self.state.add_products(level, h, sums);
                let rows = h.chunks_exact_mut(hidden).zip(c.chunks_exact_mut(hidden));
                for ((h, c), sums) in rows.zip(sums.chunks_exact_mut(4 * hidden)) {
                    self.lstm(h, c, sums)?;
                }
            }
            Kind::Gru { linear } => {
                self.gru(level, linear, h, sums, candidates, scratch)?;
            }
        }
        Ok(())
    }

    fn lstm(&self, h: &mut [f32], c: &mut [f32], sums: &mut [f32]) -> TractResult<()> {
        let hidden = self.hidden;
        let [gate, cell, output] = self.activations[..] else {
            bail!("LSTM has three activations");
        };
        for (index, sums) in sums.chunks_exact_mut(hidden).enumerate() {
            self.bounds.apply(sums, self.biases(index));
            let activation = if index == 3 { cell } else { gate };
            activation.apply(Formula::Library, sums);
        }
        let (io, fc) = sums.split_at(2 * hidden);
        let ((i, o), (f, new)) = (io.split_at(hidden), fc.split_at(hidden));
        for unit in 0..hidden {
            c[unit] = c[unit] * f[unit] + i[unit] * new[unit];
        }
        h.copy_from_slice(c);
        output.apply(Formula::Library, h);
        for (h, o) in h.iter_mut().zip(o) {
            *h *= o;
        }
        Ok(())
    }

    /// `sums` holds W x of the gates z and r and of the candidate, for each row.
    fn gru(
        &self,
        level: Level,
        linear: bool,
        h: &mut [f32],
        sums: &mut [f32],
        candidates: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) -> TractResult<()> {
        let hidden = self.hidden;
        let ([gate, new], Some(weights)) = (&self.activations[..], &self.candidate) else {
            bail!("GRU has two activations");
        };
        scratch.clear();
        scratch.resize(h.len() * 2, 0.0);
        self.state.add_products(level, h, scratch);
        for (sums, products) in sums
            .chunks_exact_mut(3 * hidden)
            .zip(scratch.chunks_exact(2 * hidden))
        {
            for (sum, product) in sums.iter_mut().zip(products) {
                *sum += product;
            }
            for (index, sums) in sums[..2 * hidden].chunks_exact_mut(hidden).enumerate() {
                self.bounds.apply(sums, self.biases(index));
                // The update gate has another formula than the reset gate.
                let formula = if index == 0 {
                    Formula::Library
                } else {
                    Formula::Gated
                };
                gate.apply(formula, sums);
            }
        }
        // The state's part of the candidate.
        candidates.clear();
        candidates.resize(h.len(), 0.0);
        if linear {
            if !self.inner.is_empty() {
                for row in candidates.chunks_exact_mut(hidden) {
                    row.copy_from_slice(&self.inner);
                }
            }
            weights.add_products(level, h, candidates);
            for (row, sums) in candidates
                .chunks_exact_mut(hidden)
                .zip(sums.chunks_exact(3 * hidden))
            {
                for (value, reset) in row.iter_mut().zip(&sums[hidden..]) {
                    *value *= reset;
                }
            }
        } else {
            scratch.clear();
            for (h, sums) in h.chunks_exact(hidden).zip(sums.chunks_exact(3 * hidden)) {
                scratch.extend(h.iter().zip(&sums[hidden..]).map(|(h, reset)| h * reset));
            }
            weights.add_products(level, scratch, candidates);
        }
        let rows = h
            .chunks_exact_mut(hidden)
            .zip(candidates.chunks_exact(hidden));
        for ((h, part), sums) in rows.zip(sums.chunks_exact_mut(3 * hidden)) {
            let (gates, candidate) = sums.split_at_mut(2 * hidden);
            for (sum, part) in candidate.iter_mut().zip(part) {
                *sum += part;
            }
            self.bounds.apply(candidate, self.biases(2));
            new.apply(Formula::Gated, candidate);
            for ((h, z), candidate) in h.iter_mut().zip(&gates[..hidden]).zip(candidate.iter()) {
                *h = (1.0 - z) * candidate + z * *h;
            }
        }
        Ok(())
    }
}
