//! Text that is broken into lines only where it does not fit, after Wadler's "A prettier printer".

/// The width that lines are kept to where they can be broken.
pub(crate) const WIDTH: usize = 88;

/// Text with places where it may be broken.
#[derive(Debug, Clone)]
pub(crate) enum Doc {
    Text(String),
    /// A comment; behind one that goes to the end of its line, whatever follows starts a new one.
    Comment {
        text: String,
        line: bool,
    },
    /// A blank, or a line break if the group around it is broken.
    Line,
    /// Nothing, or a line break if the group around it is broken.
    SoftLine,
    /// A line break.
    Hard,
    /// A line break unless the line is still empty.
    Fresh,
    /// Two columns to the right.
    Indent(Box<Doc>),
    /// On one line if that fits.
    Group(Box<Doc>),
    Concat(Vec<Doc>),
}

impl Doc {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn comment(text: &str, line: bool) -> Self {
        Self::Comment {
            text: text.to_string(),
            line,
        }
    }

    pub(crate) fn hard() -> Self {
        Self::Hard
    }

    pub(crate) fn indent(doc: Doc) -> Self {
        Self::Indent(Box::new(doc))
    }

    pub(crate) fn group(doc: Doc) -> Self {
        Self::Group(Box::new(doc))
    }

    pub(crate) fn concat(docs: Vec<Doc>) -> Self {
        Self::Concat(docs)
    }
}

/// What is left to write: how far to indent, whether the group around is broken, and what.
type Rest<'a> = Vec<(usize, bool, &'a Doc)>;

/// Writes a text, with a line break at its end if it is not empty and without blanks at line ends.
pub(crate) fn render(doc: &Doc) -> String {
    let mut out = Output::default();
    let mut rest: Rest = vec![(0, true, doc)];
    while let Some((indent, broken, doc)) = rest.pop() {
        match doc {
            Doc::Text(text) => out.text(text, indent),
            Doc::Comment { text, line } => {
                out.text(text, indent);
                out.line_is_over = *line;
            }
            Doc::Line if !broken => out.text(" ", indent),
            Doc::SoftLine if !broken => {}
            Doc::Line | Doc::SoftLine | Doc::Hard => out.break_line(indent),
            Doc::Fresh => {
                if out.line_is_empty() {
                    out.indent = indent;
                } else {
                    out.break_line(indent);
                }
            }
            Doc::Indent(inner) => rest.push((indent + 2, broken, inner)),
            Doc::Concat(docs) => rest.extend(docs.iter().rev().map(|doc| (indent, broken, doc))),
            Doc::Group(inner) => {
                let column = out.column();
                let flat = fits(WIDTH.saturating_sub(column), inner, &rest);
                rest.push((indent, !flat, inner));
            }
        }
    }
    out.finish()
}

/// Whether a group on one line, with what follows it up to the next line break, fits.
fn fits(mut width: usize, group: &Doc, rest: &Rest) -> bool {
    let mut inside: Vec<(bool, &Doc)> = vec![(false, group)];
    let mut behind = rest.iter().rev();
    let mut in_group = true;
    loop {
        let (broken, doc) = match inside.pop() {
            Some(next) => next,
            None => {
                in_group = false;
                match behind.next() {
                    Some((_, broken, doc)) => (*broken, *doc),
                    None => return true,
                }
            }
        };
        match doc {
            Doc::Text(text) => {
                let length = text.chars().count();
                if length > width || text.contains('\n') {
                    // A string of several lines only breaks what stands around it.
                    return !in_group && text.contains('\n') && length <= width;
                }
                width -= length;
            }
            Doc::Comment { text, line } => {
                if *line || text.contains('\n') {
                    // Behind the group it may run over the edge: it ends the line anyhow.
                    return !in_group;
                }
                let length = text.chars().count();
                if length > width {
                    return false;
                }
                width -= length;
            }
            Doc::Line | Doc::SoftLine if broken => return true,
            Doc::Line => {
                if width == 0 {
                    return false;
                }
                width -= 1;
            }
            Doc::SoftLine => {}
            Doc::Hard | Doc::Fresh => return !in_group,
            // A group behind this one may still be broken at its first chance.
            Doc::Group(inner) | Doc::Indent(inner) => inside.push((broken, inner)),
            Doc::Concat(docs) => inside.extend(docs.iter().rev().map(|doc| (broken, doc))),
        }
    }
}

#[derive(Default)]
struct Output {
    text: String,
    /// Characters of the current line; its indentation is written with its first text.
    column: usize,
    /// How far the current line is indented.
    indent: usize,
    /// A comment has taken the rest of the line.
    line_is_over: bool,
}

impl Output {
    fn line_is_empty(&self) -> bool {
        self.column == 0
    }

    /// Where the next text would start.
    fn column(&self) -> usize {
        if self.line_is_empty() || self.line_is_over {
            self.indent
        } else {
            self.column
        }
    }

    fn text(&mut self, text: &str, indent: usize) {
        if self.line_is_over && text.trim().is_empty() {
            return;
        }
        if self.line_is_over {
            self.break_line(indent);
        }
        if self.line_is_empty() {
            if text.trim().is_empty() {
                return;
            }
            self.text.extend(std::iter::repeat_n(' ', self.indent));
            self.column = self.indent;
        }
        self.text.push_str(text);
        match text.rfind('\n') {
            Some(at) => self.column = text[at + 1..].chars().count().max(1),
            None => self.column += text.chars().count(),
        }
    }

    fn break_line(&mut self, indent: usize) {
        let length = self.text.trim_end_matches([' ', '\t']).len();
        self.text.truncate(length);
        self.text.push('\n');
        self.column = 0;
        self.indent = indent;
        self.line_is_over = false;
    }

    fn finish(mut self) -> String {
        let length = self.text.trim_end_matches([' ', '\t', '\n']).len();
        self.text.truncate(length);
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text
    }
}
