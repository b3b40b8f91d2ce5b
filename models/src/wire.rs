//! What a file would take up in memory once decoded, known before it is decoded.
//!
//! In protobuf an empty node is two bytes, decoded it is hundreds; a small number in a list is one byte and becomes
//! eight. A file within the limit could so ask for a hundred times its size. The bytes are walked once here, without
//! keeping anything, and what decoding would allocate is added up.

/// Bytes that a decoded message takes up by itself, more than any of ONNX's does.
const MESSAGE: u64 = 640;

/// Bytes that a decoded text or list takes up beside its content.
const LIST: u64 = 24;

/// Deeper nesting than this is no model and counts as endless. The decoder gives up at 100.
const DEEPEST: usize = 64;

/// The messages of ONNX that hold other messages or lists of numbers.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Function,
    Training,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Annotation,
    /// One that holds only texts and numbers.
    Flat,
}

/// What a length-delimited field holds.
enum Content {
    Message(Message),
    /// Numbers of variable length, each eight bytes once decoded.
    Varints,
    Bytes,
}

impl Message {
    /// Field numbers of onnx.proto.
    fn content(self, field: u64) -> Content {
        use Content::{Bytes, Varints};
        let message = match (self, field) {
            (Self::Model, 7) => Self::Graph,
            (Self::Model, 8 | 14) => Self::Flat,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Training, 1 | 2) => Self::Graph,
            (Self::Training, 3 | 4) => Self::Flat,
            (Self::Function, 7) => Self::Node,
            (Self::Function, 9) => Self::Flat,
            (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) => Self::Tensor,
            (Self::Graph, 15) => Self::SparseTensor,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Graph, 14) => Self::Annotation,
            (Self::Annotation, 2) => Self::Flat,
            (Self::Node, 5) => Self::Attribute,
            (Self::Attribute, 5 | 10) => Self::Tensor,
            (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Attribute, 14 | 15) => Self::Type,
            (Self::Attribute, 8) => return Varints,
            (Self::SparseTensor, 1 | 2) => Self::Tensor,
            (Self::SparseTensor, 3) => return Varints,
            (Self::Tensor, 1 | 5 | 7 | 11) => return Varints,
            (Self::Tensor, 3 | 13) => Self::Flat,
            (Self::ValueInfo, 2) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Shape, 1) => Self::Flat,
            _ => return Bytes,
        };
        Content::Message(message)
    }
}

/// An upper bound of the bytes that the decoded model takes up. Stops as soon as it exceeds `limit`; bytes that are
/// no protobuf end the count, the decoder will say what is wrong with them.
pub(crate) fn decoded_bytes(bytes: &[u8], limit: u64) -> u64 {
    let mut total = 0;
    walk(bytes, Message::Model, limit, 0, &mut total);
    total
}

/// Adds up one message; `None` if the walk is to end.
fn walk(
    mut bytes: &[u8],
    message: Message,
    limit: u64,
    depth: usize,
    total: &mut u64,
) -> Option<()> {
    *total += MESSAGE;
    if depth > DEEPEST {
        *total = u64::MAX;
        return None;
    }
    while !bytes.is_empty() {
        if *total > limit {
            return None;
        }
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => {
                varint(&mut bytes)?;
                *total += 8;
            }
            1 => {
                bytes = bytes.get(8..)?;
                *total += 8;
            }
            5 => {
                bytes = bytes.get(4..)?;
                *total += 8;
            }
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                let (content, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                match message.content(key >> 3) {
                    Content::Message(inner) => walk(content, inner, limit, depth + 1, total)?,
                    Content::Varints => {
                        let ends = content.iter().filter(|byte| **byte < 0x80).count();
                        *total += ends as u64 * 8;
                    }
                    Content::Bytes => *total += LIST + len as u64,
                }
            }
            // Groups are out of use; the decoder passes over them, so what stands in them counts at most too much.
            3 | 4 => {}
            _ => return None,
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_and_what_it_blows_up_to() {
        assert_eq!(decoded_bytes(b"", 1 << 20), MESSAGE);
        // A graph of three empty nodes: eight bytes.
        let nodes = [0x3a, 6, 0x0a, 0, 0x0a, 0, 0x0a, 0];
        assert_eq!(decoded_bytes(&nodes, 1 << 20), MESSAGE * 5);
        // An initialiser with dims [1, 2] and four bytes of raw data.
        let tensor = [0x3a, 12, 0x2a, 10, 0x0a, 2, 1, 2, 0x4a, 4, 0, 0, 0, 0];
        assert_eq!(
            decoded_bytes(&tensor, 1 << 20),
            MESSAGE * 3 + 2 * 8 + LIST + 4
        );
        // The count ends where the limit is exceeded, and where the bytes are no protobuf.
        let many: Vec<u8> = [0x0a, 0].repeat(1 << 20);
        let mut graph = vec![0x3a, 0x80, 0x80, 0x80, 0x01];
        graph.extend(many);
        assert!(decoded_bytes(&graph, 1 << 20) < (1 << 20) + 2 * MESSAGE);
        assert_eq!(decoded_bytes(&[0x3a, 100, 1], 1 << 20), MESSAGE);
        // Graphs in attributes of nodes of graphs.
        let mut nested: Vec<u8> = Vec::new();
        for depth in 0..75 {
            let field = [0x32, 0x2a, 0x0a][depth % 3];
            let len = nested.len();
            let mut outer = vec![field, (len & 0x7f) as u8 | 0x80, (len >> 7) as u8];
            outer.extend(&nested);
            nested = outer;
        }
        let len = nested.len();
        let mut model = vec![0x3a, (len & 0x7f) as u8 | 0x80, (len >> 7) as u8];
        model.extend(&nested);
        assert_eq!(decoded_bytes(&model, 1 << 20), u64::MAX);
    }
}
