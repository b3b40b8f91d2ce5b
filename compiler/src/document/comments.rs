//! Comments of a TOML file, kept beside the values they belong to.

/// The comments around one key or table header.
///
/// Equality of documents ignores them nowhere: a changed comment is a changed file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comment {
    /// Whole lines before, without `#` and the blank after it.
    pub before: Vec<String>,
    /// The comment at the end of the line.
    pub after: Option<String>,
}

impl Comment {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_none()
    }

    /// Reads the white space and comments that toml_edit keeps before and after a key.
    pub(crate) fn read(before: &str, after: &str) -> Self {
        Self {
            before: lines(before),
            after: lines(after).into_iter().next(),
        }
    }

    /// The lines before, each with its end.
    pub(crate) fn write_before(&self, out: &mut String) {
        for line in &self.before {
            write_comment(out, line);
            out.push('\n');
        }
    }

    /// The comment at the end of the line, with the blank before it; the line's end is not written.
    pub(crate) fn write_after(&self, out: &mut String) {
        if let Some(text) = &self.after {
            out.push(' ');
            write_comment(out, text);
        }
    }
}

fn write_comment(out: &mut String, text: &str) {
    out.push('#');
    if !text.is_empty() {
        out.push(' ');
        out.push_str(text);
    }
}

/// The comments in a stretch of white space, one per line.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix('#'))
        .map(|line| {
            line.strip_prefix(' ')
                .unwrap_or(line)
                .trim_end()
                .to_string()
        })
        .collect()
}
