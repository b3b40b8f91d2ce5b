//! Reads what a job appends to its log, and what it said last.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::ExitStatus;

/// How much of a log that was there before is read.
const LOG_TAIL: u64 = 1 << 20;
/// How many lines of the log make the last words of a job that left none.
const LAST_LINES: usize = 60;

/// Reads what is appended to a log.
pub(super) struct LogTail {
    path: PathBuf,
    file: Option<File>,
    /// A line without its end yet.
    rest: Vec<u8>,
    /// The last lines.
    last: Vec<String>,
}

impl LogTail {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            rest: Vec::new(),
            last: Vec::new(),
        }
    }

    /// Lines since the last call.
    pub(super) fn read(&mut self) -> Option<Vec<String>> {
        let bytes = self.read_bytes().ok()?;
        if bytes.is_empty() {
            return None;
        }
        self.rest.extend(bytes);
        let end = self.rest.iter().rposition(|byte| *byte == b'\n')? + 1;
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        let text = String::from_utf8_lossy(&whole);
        let lines: Vec<String> = text.lines().map(plain).collect();
        self.last
            .extend(lines.iter().rev().take(LAST_LINES).rev().cloned());
        let surplus = self.last.len().saturating_sub(LAST_LINES);
        self.last.drain(..surplus);
        Some(lines)
    }

    fn read_bytes(&mut self) -> io::Result<Vec<u8>> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = File::open(&self.path)?;
                let length = file.metadata()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
                self.file.insert(file)
            }
        };
        let mut bytes = Vec::new();
        file.take(LOG_TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What a process said last that left no other words.
    pub(super) fn last_words(&self, exit: ExitStatus) -> String {
        let begin = self
            .last
            .iter()
            .rposition(|line| line.starts_with("error"))
            .unwrap_or(self.last.len());
        if let Some(words) = self.last.get(begin..).filter(|words| !words.is_empty()) {
            let mut text = words.join("\n");
            if let Some(rest) = text.strip_prefix("error: ") {
                text = rest.to_string();
            }
            return text;
        }
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt as _;
            if let Some(signal) = exit.signal() {
                return format!("the job was killed by signal {signal}");
            }
        }
        match self.last.last() {
            Some(line) => format!("the job ended with {exit}; its last line: {line}"),
            None => format!("the job ended with {exit} and without a word"),
        }
    }
}

/// A line without the escape sequences that colour it on a terminal.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // Up to the letter that ends the sequence.
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if !c.is_control() || c == '\t' {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_is_read_line_by_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("job.log");
        let mut tail = LogTail::new(path.clone());
        assert_eq!(tail.read(), None);
        fs::write(&path, "one\ntw").expect("written");
        assert_eq!(tail.read(), Some(vec!["one".to_string()]));
        fs::write(&path, "one\ntwo\u{1b}[31m!\u{1b}[0m\n").expect("written");
        assert_eq!(tail.read(), Some(vec!["two!".to_string()]));
        assert_eq!(tail.read(), None);
    }
}
