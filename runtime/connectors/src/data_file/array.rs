//! An array of objects as objects, one a line.
//!
//! Tools write tables as one array over the whole file. It is taken apart as it streams by: what stands between the
//! brackets goes on, each element on a line of its own, line ends within an element become blanks. Whether an element
//! is sound JSON is left to whoever reads the lines.

use std::io::{self, Read};

/// Reads an array as lines; everything else as it is.
pub(crate) struct ArrayLines<R> {
    input: R,
    /// `None` until the first byte that is no blank is known.
    is_array: Option<bool>,
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The array's closing bracket has gone by.
    closed: bool,
    buffer: Vec<u8>,
}

const CHUNK: usize = 64 << 10;

impl<R: Read> ArrayLines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            is_array: None,
            depth: 0,
            in_string: false,
            escaped: false,
            closed: false,
            buffer: Vec::new(),
        }
    }

    /// Whether the file is an array, once its first bytes have been read.
    pub(crate) fn is_array(&self) -> bool {
        self.is_array == Some(true)
    }

    /// What becomes of a byte of the array.
    fn pass(&mut self, byte: u8) -> u8 {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return byte;
        }
        match byte {
            b'"' => self.in_string = true,
            b'\n' | b'\r' if !self.closed => return b' ',
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth == 1 && !self.closed {
                    return b' ';
                }
            }
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 && !self.closed {
                    self.closed = true;
                    return b'\n';
                }
            }
            b',' if self.depth == 1 && !self.closed => return b'\n',
            _ => {}
        }
        byte
    }
}

impl<R: Read> Read for ArrayLines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let wanted = out.len().min(CHUNK);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(wanted, 0);
        let read = self.input.read(&mut buffer);
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.buffer = buffer;
                return Err(error);
            }
        };
        let data = &buffer[..read];
        if self.is_array.is_none() {
            let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
            self.is_array = text.trim_ascii_start().first().map(|byte| *byte == b'[');
        }
        if self.is_array() {
            for (byte, target) in data.iter().zip(out.iter_mut()) {
                *target = self.pass(*byte);
            }
        } else {
            out[..read].copy_from_slice(data);
        }
        self.buffer = buffer;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, at_once: usize) -> String {
        struct Slow<'a>(&'a [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let n = out.len().min(self.1).min(self.0.len());
                out[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let mut out = String::new();
        ArrayLines::new(Slow(text.as_bytes(), at_once))
            .read_to_string(&mut out)
            .unwrap();
        out
    }

    #[test]
    fn an_array_becomes_lines_and_lines_stay() {
        let pretty = "[\n  {\"a\": 1,\n   \"b\": [2, 3]},\n  {\"a\": \"x,\\\"]\\n\"}\n]\n";
        for at_once in [1, 3, 1000] {
            let got: Vec<String> = lines(pretty, at_once)
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(
                got,
                ["{\"a\": 1, \"b\": [2, 3]}", "{\"a\": \"x,\\\"]\\n\"}", ""]
            );
            let plain = "{\"a\":[1]}\n{\"a\":[2]}\n";
            assert_eq!(lines(plain, at_once), plain);
        }
        // What follows the array is left to be complained about.
        assert_eq!(lines("[{}] x", 100), " {}\n x");
        assert_eq!(lines("", 100), "");
    }
}
