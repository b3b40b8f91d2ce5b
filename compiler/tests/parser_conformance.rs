//! The statements of Flink's own parser tests, read by ours; the rules are in the conformance
//! runner's library.
//!
//! The cases are read from `$MILLSTREAM_CONFORMANCE`, or from `shared/conformance` beside the
//! workspace; without them the test says so and passes.

use millstream_conformance::parser::{Reading, load};

/// How many cases must be parsed, and of those agree with Flink's text: raise it when it grows.
const PARSED: usize = 161;
const AGREED: usize = 155;

#[test]
fn flinks_parser_tests() {
    let Some(document) = millstream_conformance::shared("parser.json") else {
        return;
    };
    let (mut parsed, mut agreed, mut refused, mut refused_as_flink) = (0, 0, 0, 0);
    let mut misreads = Vec::new();
    for case in load(&document) {
        match case.read() {
            Reading::Read { agreed: with_flink } => {
                parsed += 1;
                agreed += usize::from(with_flink);
            }
            Reading::RefusedAsFlink => refused_as_flink += 1,
            Reading::NotSupported(_) => refused += 1,
            Reading::Misread(why) | Reading::Refused(why) => {
                misreads.push(format!("{}\n{why}", case.input));
            }
        }
    }
    eprintln!(
        "parser conformance: {parsed} parsed, {agreed} agreed, {refused} not supported, \
         {refused_as_flink} refused as Flink does, {} misread",
        misreads.len()
    );
    assert!(misreads.is_empty(), "{}", misreads.join("\n\n"));
    assert!(parsed >= PARSED, "{parsed}");
    assert!(agreed >= AGREED, "{agreed}");
}
