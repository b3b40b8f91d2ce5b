//! StringNormalizer: strings in lower or upper case, one a row.
//!
//! The standard reads its one dimension as the words of a single text, and drops `stopwords` from it. A batch of a
//! stream has a text a row there, so that nothing may be dropped: a node with stop words is refused, as is a matrix,
//! which ONNX Runtime takes with one row alone.
//!
//! Letters change one by one, as C's `towlower` and `towupper` do it, never one into several: `ß` stays what it is.
//! The locales `C` and `POSIX` know ASCII alone. All others are taken for UTF-8 locales, which have the same letters
//! in the C library; ONNX Runtime itself refuses to load a model whose locale its machine does not have.

use std::fmt::Debug;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernel::{Built, Kernel, pointwise};
use super::{DEFAULT_DOMAIN, Engine, Operator, Types};

pub(super) const OPERATORS: &[Operator] = &[Operator {
    domain: DEFAULT_DOMAIN,
    name: "StringNormalizer",
    types: Types::STRING,
    attributes: &["case_change_action", "is_case_sensitive", "locale"],
    engine: Engine::Own(string_normalizer),
}];

fn string_normalizer(_ctx: &ParsingContext, node: &NodeProto) -> Built {
    let locale = node.get_attr_opt::<&str>("locale")?.unwrap_or("en_US");
    let ascii = matches!(locale, "C" | "POSIX");
    let case = match node.get_attr_opt::<&str>("case_change_action")? {
        None | Some("NONE") => Case::Kept,
        Some("LOWER") => Case::Lower { ascii },
        Some("UPPER") => Case::Upper { ascii },
        Some(other) => bail!(
            "attribute `case_change_action` of StringNormalizer is `{other}`, not LOWER, UPPER or NONE"
        ),
    };
    // Only stop words are compared, and there are none.
    node.get_attr_opt::<i64>("is_case_sensitive")?;
    pointwise(case)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    Lower { ascii: bool },
    Upper { ascii: bool },
}

impl Kernel for Case {
    fn name(&self) -> &'static str {
        "StringNormalizer"
    }

    fn output(&self, input: &TypedFact) -> TractResult<(DatumType, Vec<TDim>)> {
        ensure!(
            input.rank() == 1,
            "StringNormalizer takes one string a row, not a tensor of {} dimensions. Reshape its input to [N]",
            input.rank()
        );
        Ok((input.datum_type, input.shape.to_tvec().to_vec()))
    }

    fn eval(&self, input: Tensor) -> TractResult<Tensor> {
        let mut output = input;
        let mut view = output.try_as_plain_ram_mut()?;
        for text in view.as_slice_mut::<String>()? {
            self.change(text);
        }
        Ok(output)
    }
}

impl Case {
    fn change(self, text: &mut String) {
        let (ascii, letter): (bool, fn(char) -> char) = match self {
            Self::Kept => return,
            Self::Lower { ascii } => (ascii, lower),
            Self::Upper { ascii } => (ascii, upper),
        };
        if !ascii && !text.is_ascii() {
            *text = text.chars().map(letter).collect();
        } else if matches!(self, Self::Lower { .. }) {
            text.make_ascii_lowercase();
        } else {
            text.make_ascii_uppercase();
        }
    }
}

/// The single letter of a mapping, or the letter itself where there are several.
fn single(letter: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(mapped), None) => mapped,
        _ => letter,
    }
}

fn lower(letter: char) -> char {
    match letter {
        // Its full mapping has a second, combining letter.
        'İ' => 'i',
        _ => single(letter, letter.to_lowercase()),
    }
}

fn upper(letter: char) -> char {
    // Greek letters with a subscript iota: in full they become two letters, one by one they have a form of their own.
    let distance = match letter {
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => 8,
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => 9,
        _ => return single(letter, letter.to_uppercase()),
    };
    char::from_u32(u32::from(letter) + distance).unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_change_one_by_one() {
        for (text, lower, upper) in [
            ("aB1", "ab1", "AB1"),
            ("Straße", "straße", "STRAßE"),
            ("İı", "iı", "İI"),
            ("ΣΊΣΥΦΟΣ", "σίσυφοσ", "ΣΊΣΥΦΟΣ"),
            ("ᾳᾼ", "ᾳᾳ", "ᾼᾼ"),
            ("ŉﬁ", "ŉﬁ", "ŉﬁ"),
        ] {
            let changed = |case: Case| {
                let mut text = text.to_owned();
                case.change(&mut text);
                text
            };
            assert_eq!(changed(Case::Lower { ascii: false }), lower);
            assert_eq!(changed(Case::Upper { ascii: false }), upper);
            assert_eq!(changed(Case::Kept), text);
        }
        let mut text = "ÄBC".to_owned();
        Case::Lower { ascii: true }.change(&mut text);
        assert_eq!(text, "Äbc");
    }
}
