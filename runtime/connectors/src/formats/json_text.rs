//! A JSON text, walked without building it: where each value starts and ends.
//!
//! The grammar is RFC 8259's with one leniency that Flink's JSON format has too: control characters
//! may stand unescaped in strings. Values are validated as they are passed over, so that whoever
//! returns to one later may rely on its shape.

use std::ops::Range;

use super::text::Reason;

/// Deeper nesting is refused: the walk is recursive.
const DEEPEST: usize = 128;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    /// A string without escapes: its content stands between the quotes.
    String,
    /// A string with escapes.
    EscapedString,
    Number,
    True,
    False,
    Null,
}

/// A value: what it is and where its text is, quotes and brackets included.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub kind: Kind,
    pub at: Range<usize>,
}

/// Why a text is no JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub reason: Reason,
    pub at: usize,
}

/// Walks a text that is known to be UTF-8.
pub(crate) struct Walker<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// A walker that starts at a value found before.
    pub(crate) fn within(text: &'a [u8], value: &Value) -> Self {
        Self {
            text: &text[..value.at.end],
            at: value.at.start,
        }
    }

    fn fault<T>(&self, reason: Reason) -> Result<T, Fault> {
        Err(Fault {
            reason,
            at: self.at,
        })
    }

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether only blanks are left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.blanks();
        self.at == self.text.len()
    }

    /// The byte at hand.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Passes over one value.
    pub(crate) fn value(&mut self) -> Result<Value, Fault> {
        self.value_at_depth(0)
    }

    fn value_at_depth(&mut self, depth: usize) -> Result<Value, Fault> {
        if depth > DEEPEST {
            return self.fault("nested too deeply");
        }
        self.blanks();
        let start = self.at;
        let kind = match self.text.get(self.at) {
            Some(b'{') => {
                let mut members = self.object()?;
                while self.member(&mut members, depth + 1)?.is_some() {}
                Kind::Object
            }
            Some(b'[') => {
                let mut elements = self.array()?;
                while self.element(&mut elements, depth + 1)?.is_some() {}
                Kind::Array
            }
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true", Kind::True)?,
            Some(b'f') => self.word(b"false", Kind::False)?,
            Some(b'n') => self.word(b"null", Kind::Null)?,
            None => return self.fault("the text ends where a value should stand"),
            Some(_) => return self.fault("not a JSON value"),
        };
        Ok(Value {
            kind,
            at: start..self.at,
        })
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Fault> {
        if !self.text[self.at..].starts_with(word) {
            return self.fault("not a JSON value");
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let digits = |walker: &mut Self| {
            let start = walker.at;
            while matches!(walker.text.get(walker.at), Some(b'0'..=b'9')) {
                walker.at += 1;
            }
            walker.at - start
        };
        if self.text[self.at] == b'-' {
            self.at += 1;
        }
        let start = self.at;
        let whole = digits(self);
        if whole == 0 {
            return self.fault("a number without digits");
        }
        if whole > 1 && self.text[start] == b'0' {
            return self.fault("a number with leading zeros");
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if digits(self) == 0 {
                return self.fault("a number without digits after its point");
            }
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            if digits(self) == 0 {
                return self.fault("a number without digits in its exponent");
            }
        }
        Ok(Kind::Number)
    }

    /// Passes over a string; the escapes are checked.
    fn string(&mut self) -> Result<Kind, Fault> {
        self.at += 1;
        let mut kind = Kind::String;
        loop {
            let Some(found) = memchr::memchr2(b'"', b'\\', &self.text[self.at..]) else {
                return self.fault("a string is opened and never closed");
            };
            self.at += found + 1;
            if self.text[self.at - 1] == b'"' {
                return Ok(kind);
            }
            kind = Kind::EscapedString;
            match self.text.get(self.at) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                Some(b'u') => {
                    let hex = self.text.get(self.at + 1..self.at + 5);
                    if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                        return self.fault("\\u without four hexadecimal digits");
                    }
                    self.at += 5;
                }
                _ => return self.fault("an unknown escape in a string"),
            }
        }
    }

    /// Enters the object at hand.
    pub(crate) fn object(&mut self) -> Result<Members, Fault> {
        self.blanks();
        if self.text.get(self.at) != Some(&b'{') {
            return self.fault("not an object");
        }
        self.at += 1;
        Ok(Members { first: true })
    }

    /// The next member of the object entered: name and value.
    pub(crate) fn next_member(
        &mut self,
        members: &mut Members,
    ) -> Result<Option<(Value, Value)>, Fault> {
        self.member(members, 1)
    }

    fn member(
        &mut self,
        members: &mut Members,
        depth: usize,
    ) -> Result<Option<(Value, Value)>, Fault> {
        if !self.more(&mut members.first, b'}')? {
            return Ok(None);
        }
        self.blanks();
        if self.text.get(self.at) != Some(&b'"') {
            return self.fault("a member's name must stand in double quotes");
        }
        let start = self.at;
        let name = Value {
            kind: self.string()?,
            at: start..self.at,
        };
        self.blanks();
        if self.text.get(self.at) != Some(&b':') {
            return self.fault("a colon is missing after a member's name");
        }
        self.at += 1;
        Ok(Some((name, self.value_at_depth(depth)?)))
    }

    /// Enters the array at hand.
    pub(crate) fn array(&mut self) -> Result<Elements, Fault> {
        self.blanks();
        if self.text.get(self.at) != Some(&b'[') {
            return self.fault("not an array");
        }
        self.at += 1;
        Ok(Elements { first: true })
    }

    /// The next element of the array entered.
    pub(crate) fn next_element(&mut self, elements: &mut Elements) -> Result<Option<Value>, Fault> {
        self.element(elements, 1)
    }

    fn element(&mut self, elements: &mut Elements, depth: usize) -> Result<Option<Value>, Fault> {
        if !self.more(&mut elements.first, b']')? {
            return Ok(None);
        }
        self.value_at_depth(depth).map(Some)
    }

    /// Whether another member or element follows; passes the comma or the closing bracket.
    fn more(&mut self, first: &mut bool, close: u8) -> Result<bool, Fault> {
        self.blanks();
        match self.text.get(self.at) {
            Some(b) if *b == close && *first => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if *first => {
                *first = false;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(b) if *b == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) => self.fault("a comma or a closing bracket is missing"),
            None => self.fault("the text ends inside an object or array"),
        }
    }
}

/// Being inside an object.
pub(crate) struct Members {
    first: bool,
}

/// Being inside an array.
pub(crate) struct Elements {
    first: bool,
}

/// The content of a string value; escapes are resolved into `scratch`. A lone surrogate becomes the
/// replacement character.
pub(crate) fn string_content<'a>(
    text: &'a [u8],
    value: &Value,
    scratch: &'a mut Vec<u8>,
) -> &'a [u8] {
    let inner = &text[value.at.start + 1..value.at.end - 1];
    if value.kind == Kind::String {
        return inner;
    }
    scratch.clear();
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        scratch.extend_from_slice(&rest[..at]);
        // the walker has checked that a whole escape follows
        let escape = rest.get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        let plain = match escape {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (unit, after) = code_unit(rest);
                rest = after;
                let mut character = char::from_u32(unit);
                if (0xD800..0xDC00).contains(&unit) && rest.starts_with(b"\\u") {
                    let (low, after) = code_unit(&rest[2..]);
                    if (0xDC00..0xE000).contains(&low) {
                        rest = after;
                        character =
                            char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
                    }
                }
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => other,
        };
        scratch.push(plain);
    }
    scratch.extend_from_slice(rest);
    scratch
}

/// Four hexadecimal digits and what follows them.
fn code_unit(text: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = text.split_at(text.len().min(4));
    let unit = digits.iter().fold(0, |unit, digit| {
        unit * 16 + char::from(*digit).to_digit(16).unwrap_or(0)
    });
    (unit, rest)
}

/// Appends a string in quotes, escaped as Jackson does.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        if short == 0 {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        } else {
            out.extend_from_slice(&[b'\\', short]);
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepts(text: &[u8]) -> bool {
        let mut walker = Walker::new(text);
        walker.value().is_ok() && walker.at_end()
    }

    /// A text made of JSON's own pieces, right or wrong.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\n\"",
            "\"\\u00e4\"",
            "\"\\ud83d\\ude00\"",
            "\"\\x\"",
            "\"",
            "1",
            "-0",
            "01",
            "1.5",
            "1.",
            ".5",
            "1e5",
            "1E-2",
            "1e",
            "-",
            "true",
            "false",
            "null",
            "nul",
            " ",
            "\t",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_walker_accepts_what_serde_json_accepts(text in pieces()) {
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(accepts(text.as_bytes()), theirs, "{}", text);
        }

        #[test]
        fn strings_round_trip(text: String) {
            let mut out = Vec::new();
            write_string(&text, &mut out);
            let theirs: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(&theirs, &text);
            let value = Walker::new(&out).value().unwrap();
            let mut scratch = Vec::new();
            prop_assert_eq!(string_content(&out, &value, &mut scratch), text.as_bytes());
        }

        #[test]
        fn escapes_are_resolved_as_serde_json_does(text in "(\\\\u[0-9a-c][0-9a-f]{3}|\\\\[bfnrt/]|x)*") {
            let quoted = format!("\"{text}\"");
            let theirs: String = serde_json::from_str(&quoted).unwrap();
            let value = Walker::new(quoted.as_bytes()).value().unwrap();
            let mut scratch = Vec::new();
            prop_assert_eq!(string_content(quoted.as_bytes(), &value, &mut scratch), theirs.as_bytes());
        }

        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut walker = Walker::new(&text);
            while let Ok(value) = walker.value() {
                if matches!(value.kind, Kind::String | Kind::EscapedString) {
                    string_content(&text, &value, &mut Vec::new());
                }
            }
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_overflowed() {
        let text = "[".repeat(100_000);
        let fault = Walker::new(text.as_bytes()).value().unwrap_err();
        assert_eq!(fault.reason, "nested too deeply");
    }
}
