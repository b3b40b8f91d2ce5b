//! The shipped models against what the toolkits that trained them predicted.
//!
//! `trained/NAME.reference.parquet` holds 1,000 held-out rows with the predictions of the toolkit itself, not of
//! ONNX Runtime: LightGBM, XGBoost, scikit-learn, Keras, PyTorch.

mod reference;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use millstream_models::{Binding, Model, Scorer};

const TOLERANCE: f64 = 1e-5;

fn reproduces(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("trained");
    let model = Arc::new(Model::load(folder.join(format!("{name}.onnx"))).unwrap());
    let file = folder.join(format!("{name}.reference.parquet"));
    let (inputs, outputs) = reference::reference(&file).unwrap();
    assert!(
        !inputs.is_empty() && !outputs.is_empty(),
        "{name}: no columns"
    );
    let types = |columns: &reference::Columns| -> Vec<(String, DataType)> {
        let columns = columns.iter();
        columns
            .map(|(name, array)| (name.clone(), array.data_type().clone()))
            .collect()
    };
    let binding = Binding::new(model.signature(), &types(&inputs), &types(&outputs)).unwrap();
    let arrays: Vec<ArrayRef> = inputs.iter().map(|(_, array)| Arc::clone(array)).collect();
    assert_eq!(arrays[0].len(), 1000, "{name}");

    let mut first: Option<Vec<ArrayRef>> = None;
    for batch in [1024, 7, 1] {
        let mut scorer = Scorer::new(Arc::clone(&model), binding.clone());
        let scores = reference::score(&mut scorer, &arrays, batch).unwrap();
        for ((output, wanted), got) in outputs.iter().zip(&scores) {
            let difference = reference::difference(got, wanted)
                .unwrap_or_else(|text| panic!("{name}, {output}, batch {batch}: {text}"));
            assert!(
                difference <= TOLERANCE,
                "{name}, {output}, batch {batch}: differs by {difference:e}"
            );
        }
        let first = first.get_or_insert_with(|| scores.clone());
        for (a, b) in first.iter().zip(&scores) {
            assert!(
                reference::same_bits(a, b),
                "{name}: not the same in batches of {batch}"
            );
        }
    }
}

#[test]
fn lightgbm() {
    reproduces("lightgbm");
}

#[test]
fn xgboost() {
    reproduces("xgboost");
}

#[test]
fn scikit_learn() {
    reproduces("sklearn");
}

#[test]
fn keras() {
    reproduces("keras");
}

#[test]
fn pytorch() {
    reproduces("torch");
}
