//! Writes `models/OPERATORS.md`, the list of what may be used, from the tables.
//!
//! The test fails when the file is not current; `MILLSTREAM_WRITE=1 cargo test -p millstream-models operators_md`
//! writes it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::{DEFAULT_DOMAIN, Engine, ML_DOMAIN, OLDER, OLDER_OPSETS, OPSETS, Operator, all, ml};

/// Operators that exporters use and that do not load, with the reason.
const REFUSED: &[(&str, &[&str], &str)] = &[
    (
        ML_DOMAIN,
        &["CastMap", "DictVectorizer"],
        "their input is a map, and columns of a stream are tensors",
    ),
    (
        DEFAULT_DOMAIN,
        &["If", "Loop"],
        "they hold subgraphs. Scan is known in one form: the distances that skl2onnx writes for nearest neighbours",
    ),
    (
        DEFAULT_DOMAIN,
        &["Compress", "NonMaxSuppression", "NonZero", "Unique"],
        "the shape of their result depends on the values of the rows",
    ),
    (
        DEFAULT_DOMAIN,
        &[
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
        ],
        "a row must score the same when it comes back",
    ),
    (
        DEFAULT_DOMAIN,
        &[
            "ConvInteger",
            "DequantizeLinear",
            "DynamicQuantizeLinear",
            "MatMulInteger",
            "QLinearConv",
            "QLinearMatMul",
            "QuantizeLinear",
        ],
        "quantised weights are not read",
    ),
    (
        DEFAULT_DOMAIN,
        &[
            "ConcatFromSequence",
            "Optional",
            "OptionalGetElement",
            "OptionalHasElement",
            "SequenceAt",
            "SequenceConstruct",
            "SequenceEmpty",
            "SequenceInsert",
            "SplitToSequence",
        ],
        "sequences and optional values are no tensors",
    ),
    (
        "com.microsoft",
        &["CDist"],
        "ONNX Runtime computes it from the differences of squares, whose rounding decides between neighbours. Export nearest neighbours without it, as skl2onnx does by default",
    ),
    (
        DEFAULT_DOMAIN,
        &["Celu", "Selu"],
        "tract's results differ from ONNX Runtime's, and nobody has needed them yet",
    ),
    (
        DEFAULT_DOMAIN,
        &[
            "AffineGrid",
            "Attention",
            "BitShift",
            "BitwiseAnd",
            "BitwiseNot",
            "BitwiseOr",
            "BitwiseXor",
            "CastLike",
            "CenterCropPad",
            "Col2Im",
            "ConvTranspose",
            "DFT",
            "DeformConv",
            "DepthToSpace",
            "Det",
            "EyeLike",
            "GatherND",
            "GridSample",
            "GroupNormalization",
            "Hardmax",
            "InstanceNormalization",
            "LRN",
            "LpPool",
            "MaxUnpool",
            "MeanVarianceNormalization",
            "Pad",
            "RegexFullMatch",
            "Resize",
            "RoiAlign",
            "STFT",
            "ScatterElements",
            "ScatterND",
            "Shrink",
            "Size",
            "SpaceToDepth",
            "StringConcat",
            "StringSplit",
            "TfIdfVectorizer",
            "Trilu",
        ],
        "no case compares them with ONNX Runtime yet",
    ),
];

fn table(domain: &str, text: &mut String) {
    let mut rows: Vec<&Operator> = all().filter(|row| row.domain == domain).collect();
    rows.sort_by_key(|row| row.name);
    text.push_str(
        "| operator | element types of its first input | attributes | by |\n|---|---|---|---|\n",
    );
    for row in rows {
        let types: Vec<&str> = row.types.names().collect();
        let attributes: Vec<String> = row
            .attributes
            .iter()
            .map(|attribute| format!("`{attribute}`"))
            .collect();
        let engine = match row.engine {
            Engine::Tract => "tract",
            Engine::Own(_) => "ours",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {engine} |",
            row.name,
            types.join(", "),
            attributes.join(", ")
        );
    }
}

fn list() -> String {
    let older: Vec<&str> = OLDER.iter().map(|(name, _)| *name).collect();
    let mut text = format!(
        "# Operators

What a model may be made of. Each operator, element type and attribute stands here because recorded cases
(`models/tests/data/operators*.json`) compare it with ONNX Runtime; a model with anything else does not load, and the
error names it. This file is written by a test from the tables in `src/operators/`:
`MILLSTREAM_WRITE=1 cargo test -p millstream-models operators_md`.

An operator \"by tract\" is the engine's own, one of \"ours\" replaces it.

## Operators of the default domain, sets {} to {}

Sets {} to {} are read too, where a file uses only operators that have not changed since: {}.

",
        OPSETS.start(),
        OPSETS.end(),
        OLDER_OPSETS.start(),
        OLDER_OPSETS.end(),
        older.join(", ")
    );
    table(DEFAULT_DOMAIN, &mut text);
    let _ = write!(
        text,
        "\n## Operators of `ai.onnx.ml`, sets {} to {}\n\nZipMap loads too, where its result is an output of the model: its classes become names of the probabilities.\n\n",
        ml::VERSIONS.start(),
        ml::VERSIONS.end()
    );
    table(ML_DOMAIN, &mut text);
    text.push_str("\n## What does not load\n\n| operators | domain | why |\n|---|---|---|\n");
    for (domain, names, reason) in REFUSED {
        let domain = if domain.is_empty() { "default" } else { domain };
        let _ = writeln!(text, "| {} | {domain} | {reason} |", names.join(", "));
    }
    text
}

#[test]
fn operators_md_is_current() {
    let names: BTreeSet<&str> = all().map(|row| row.name).collect();
    for (_, refused, _) in REFUSED {
        for name in *refused {
            assert!(!names.contains(name), "{name} is refused and supported");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("OPERATORS.md");
    let text = list();
    if std::env::var_os("MILLSTREAM_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "models/OPERATORS.md is not current: MILLSTREAM_WRITE=1 cargo test -p millstream-models operators_md"
    );
}

/// Every operator of ai.onnx.ml is in a table or among the refused.
#[test]
fn no_operator_of_machine_learning_is_forgotten() {
    let known: BTreeSet<&str> = all()
        .filter(|row| row.domain == ML_DOMAIN)
        .map(|row| row.name)
        .chain(
            REFUSED
                .iter()
                .filter(|(domain, ..)| *domain == ML_DOMAIN)
                .flat_map(|(_, names, _)| names.iter().copied()),
        )
        .chain(["ZipMap"])
        .collect();
    for name in [
        "ArrayFeatureExtractor",
        "Binarizer",
        "CastMap",
        "CategoryMapper",
        "DictVectorizer",
        "FeatureVectorizer",
        "Imputer",
        "LabelEncoder",
        "LinearClassifier",
        "LinearRegressor",
        "Normalizer",
        "OneHotEncoder",
        "SVMClassifier",
        "SVMRegressor",
        "Scaler",
        "TreeEnsemble",
        "TreeEnsembleClassifier",
        "TreeEnsembleRegressor",
        "ZipMap",
    ] {
        assert!(
            known.contains(name),
            "{name} is neither supported nor refused"
        );
    }
}
