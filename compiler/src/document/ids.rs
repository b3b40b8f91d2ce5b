//! Names that are valid by construction: of nodes, edges, ports and frames.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// Longest id accepted; keeps file names and metrics labels that carry it usable.
const MAX_LENGTH: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid {what}: {reason}")]
pub struct IdError {
    /// What it was to be: "node id", "port name", ….
    pub what: &'static str,
    /// The text refused.
    pub text: String,
    /// Why.
    pub reason: &'static str,
    /// The nearest text that would do.
    pub suggestion: String,
}

fn check(what: &'static str, text: &str) -> Result<(), IdError> {
    let reason = if text.is_empty() {
        "it is empty"
    } else if text.len() > MAX_LENGTH {
        "it is longer than 64 characters"
    } else if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        "it must start with a lower-case letter"
    } else if !text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    {
        "only lower-case letters, digits and underscores are allowed"
    } else if text.contains("__") {
        "two underscores in a row are kept for relations that Millstream adds"
    } else if text.ends_with('_') {
        "it must not end with an underscore"
    } else {
        return Ok(());
    };
    Err(IdError {
        what,
        text: text.to_string(),
        reason,
        suggestion: slug(text),
    })
}

/// The nearest valid id to a text a person typed, such as a title or a file name.
pub(crate) fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        if out.len() >= MAX_LENGTH {
            break;
        }
    }
    while out.ends_with('_') {
        out.pop();
    }
    if !out.starts_with(|c: char| c.is_ascii_lowercase()) {
        out.insert_str(0, if out.is_empty() { "node" } else { "n" });
        out.truncate(MAX_LENGTH);
        while out.ends_with('_') {
            out.pop();
        }
    }
    out
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Accepts a valid id; the error carries the nearest one that is.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check($what, &text)?;
                Ok(Self(text))
            }

            /// The nearest valid id to any text.
            pub fn slug(text: &str) -> Self {
                Self(slug(text))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

id_type!(
    /// A node's id: a slug that is also the name of its relation in SQL and the key of its state.
    ///
    /// ```
    /// use millstream_compiler::document::NodeId;
    ///
    /// assert!(NodeId::new("spend_5m").is_ok());
    /// let error = NodeId::new("Spend, 5 min").unwrap_err();
    /// assert_eq!(error.suggestion, "spend_5_min");
    /// ```
    NodeId,
    "node id"
);
id_type!(
    /// The name of a node's port.
    PortName,
    "port name"
);
id_type!(
    /// The id of a frame on the canvas.
    FrameId,
    "frame id"
);
id_type!(
    /// The id of an edge. It stays the same when the edge's ends are renamed.
    EdgeId,
    "edge id"
);

impl NodeId {
    /// This id, or the first of `id_2`, `id_3`, … that is not `taken`.
    pub fn unique(&self, taken: impl Fn(&NodeId) -> bool) -> NodeId {
        if !taken(self) {
            return self.clone();
        }
        // A trailing number counts on: `window_2` is followed by `window_3`.
        let (stem, first) = match self.0.rsplit_once('_') {
            Some((stem, number)) if !number.starts_with('0') => number
                .parse::<u32>()
                .map_or((self.as_str(), 2), |n| (stem, n.saturating_add(1).max(2))),
            _ => (self.as_str(), 2),
        };
        let mut number = first;
        loop {
            let suffix = format!("_{number}");
            let keep = stem.len().min(MAX_LENGTH - suffix.len());
            let id = NodeId(format!("{}{suffix}", stem[..keep].trim_end_matches('_')));
            if !taken(&id) {
                return id;
            }
            number += 1;
        }
    }
}

impl EdgeId {
    /// The `n`-th id that the editor gives: `e1`, `e2`, ….
    pub(crate) fn numbered(n: u64) -> Self {
        Self(format!("e{n}"))
    }

    /// The number of an id that the editor gave.
    pub(crate) fn number(&self) -> Option<u64> {
        self.0.strip_prefix('e')?.parse().ok()
    }
}

impl FrameId {
    /// The `n`-th id that the editor gives.
    pub(crate) fn numbered(n: u64) -> Self {
        Self(format!("frame_{n}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_accepted() {
        for text in ["a", "orders", "spend_5m", "e1", "a1_b2"] {
            assert_eq!(NodeId::new(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_slug_is_refused_with_a_suggestion() {
        for (text, reason, suggestion) in [
            ("", "empty", "node"),
            ("5m", "start with", "n5m"),
            ("Orders", "start with", "orders"),
            ("my orders", "only lower-case", "my_orders"),
            ("a__b", "two underscores", "a_b"),
            ("a_", "end with", "a"),
            ("größe", "only lower-case", "gr_e"),
            ("a; DROP TABLE x", "only lower-case", "a_drop_table_x"),
            ("日本", "start with", "node"),
        ] {
            let error = NodeId::new(text).unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {error}");
            assert_eq!(error.suggestion, suggestion, "{text}");
            assert!(NodeId::new(error.suggestion).is_ok());
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "a_".repeat(80);
        assert!(NodeId::new(long.clone()).is_err());
        assert!(NodeId::new(NodeId::slug(&long).as_str()).is_ok());
    }

    #[test]
    fn a_taken_id_counts_on() {
        let id = NodeId::new("window").unwrap();
        let taken = ["window", "window_2"];
        assert_eq!(id.unique(|id| taken.contains(&id.as_str())), "window_3");
        assert_eq!(
            NodeId::new("window_2")
                .unwrap()
                .unique(|id| taken.contains(&id.as_str())),
            "window_3"
        );
        assert_eq!(id.unique(|_| false), "window");
        let long = NodeId::new("a".repeat(64)).unwrap();
        let next = long.unique(|id| *id == long);
        assert_eq!(next.as_str().len(), 64);
        assert!(NodeId::new(next.as_str()).is_ok());
    }
}
