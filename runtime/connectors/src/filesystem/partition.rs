//! Hive's folder names for partitions: `key=value`, escaped.

use std::fmt::Write as _;

/// Characters that Hive, and Flink after it, escape in a folder's name.
fn must_escape(c: char) -> bool {
    c < ' '
        || matches!(
            c,
            '"' | '#'
                | '%'
                | '\''
                | '*'
                | '/'
                | ':'
                | '='
                | '?'
                | '\\'
                | '\x7f'
                | '{'
                | '['
                | ']'
                | '^'
        )
}

/// Escapes a key or value for a folder's name.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if must_escape(c) {
            // the escaped ones are all below 128; writing to a String cannot fail
            let _ = write!(out, "%{:02X}", c as u32);
        } else {
            out.push(c);
        }
    }
    // no name may lead out of the folder
    if out == "." || out == ".." {
        out = out.replace('.', "%2E");
    }
    out
}

/// The inverse of [`escape`].
pub(super) fn unescape(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 3)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) if code.is_ascii() => {
                out.push(char::from(code));
                rest = &rest[at + 3..];
            }
            _ => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The value of a partition key in a file's name below its table.
pub(super) fn value_in(name: &str, key: &str) -> Option<String> {
    let folders = name.rsplit_once('/')?.0;
    folders.split('/').find_map(|folder| {
        let (found, value) = folder.split_once('=')?;
        (unescape(found) == key).then(|| unescape(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_flinks() {
        assert_eq!(escape("a/b=c d:e%"), "a%2Fb%3Dc d%3Ae%25");
        assert_eq!(
            value_in("dt=2024-01-01/hr=1/part-0", "hr").as_deref(),
            Some("1")
        );
        assert_eq!(value_in("part-0", "hr"), None);
    }

    proptest! {
        #[test]
        fn escapes_round_trip_and_stay_inside(text: String) {
            let name = escape(&text);
            prop_assert!(!name.contains('/') && name != "..");
            prop_assert_eq!(unescape(&name), text);
        }
    }
}
