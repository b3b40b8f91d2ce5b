//! The kind of change that a row of a changelog stands for.

use std::fmt;

/// What a row does to the relation: Flink's `RowKind`, with the same byte codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum RowKind {
    /// `+I`: a new row.
    #[default]
    Insert = 0,
    /// `-U`: the old content of a row whose new content follows.
    UpdateBefore = 1,
    /// `+U`: the new content of a row.
    UpdateAfter = 2,
    /// `-D`: a row that is gone.
    Delete = 3,
}

impl RowKind {
    /// Flink's short form, as the print connector writes it: `+I`, `-U`, `+U`, `-D`.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Insert => "+I",
            Self::UpdateBefore => "-U",
            Self::UpdateAfter => "+U",
            Self::Delete => "-D",
        }
    }

    /// The kind with this byte code, if there is one.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Insert),
            1 => Some(Self::UpdateBefore),
            2 => Some(Self::UpdateAfter),
            3 => Some(Self::Delete),
            _ => None,
        }
    }

    /// Whether the row adds to the relation (`+I`, `+U`) rather than takes from it (`-U`, `-D`).
    pub const fn is_accumulate(self) -> bool {
        matches!(self, Self::Insert | Self::UpdateAfter)
    }

    /// The opposite change: what undoes this row.
    pub const fn inverse(self) -> Self {
        match self {
            Self::Insert => Self::Delete,
            Self::UpdateBefore => Self::UpdateAfter,
            Self::UpdateAfter => Self::UpdateBefore,
            Self::Delete => Self::Insert,
        }
    }
}

impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_inverses_round_trip() {
        for byte in 0..4 {
            let kind = RowKind::from_byte(byte).unwrap();
            assert_eq!(kind as u8, byte);
            assert_eq!(kind.inverse().inverse(), kind);
            assert_ne!(kind.is_accumulate(), kind.inverse().is_accumulate());
        }
        assert_eq!(RowKind::from_byte(4), None);
    }
}
