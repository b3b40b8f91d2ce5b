//! The shape of a query's text: its clauses and lists, as stretches of the text.
//!
//! This is how a node kind recognises the SQL that it would have written. Nothing here needs to be
//! sure: what was recognised counts only if the kind writes the very same tokens again.

use crate::sql::lexer::{Token, TokenKind, tokenize};

/// Clauses of a SELECT behind its list, and the word that must follow theirs.
const CLAUSES: [(&str, Option<&str>); 6] = [
    ("FROM", None),
    ("WHERE", None),
    ("GROUP", Some("BY")),
    ("WINDOW", None),
    ("HAVING", None),
    ("ORDER", Some("BY")),
];

/// Words that make a query more than one SELECT.
const MORE: [&str; 8] = [
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "QUALIFY",
    "SELECT",
];

/// A text and its tokens without comments, each with the number of parentheses around it.
struct Tokens<'t> {
    text: &'t str,
    tokens: Vec<(Token, usize)>,
}

impl<'t> Tokens<'t> {
    fn of(text: &'t str) -> Self {
        let mut depth = 0usize;
        let mut tokens = Vec::new();
        for token in tokenize(text) {
            if token.is_comment() {
                continue;
            }
            match token.kind {
                TokenKind::Symbol("(" | "[") => {
                    tokens.push((token, depth));
                    depth += 1;
                }
                TokenKind::Symbol(")" | "]") => {
                    depth = depth.saturating_sub(1);
                    tokens.push((token, depth));
                }
                _ => {
                    // `CASE … END` may hold commas of calls, but no clause and no AND of a list.
                    let word = token.kind == TokenKind::Word;
                    let is = |wanted: &str| word && token.text(text).eq_ignore_ascii_case(wanted);
                    if is("CASE") {
                        tokens.push((token, depth));
                        depth += 1;
                    } else if is("END") {
                        depth = depth.saturating_sub(1);
                        tokens.push((token, depth));
                    } else {
                        tokens.push((token, depth));
                    }
                }
            }
        }
        Self { text, tokens }
    }

    fn len(&self) -> usize {
        self.tokens.len()
    }

    fn text(&self, at: usize) -> &'t str {
        self.tokens
            .get(at)
            .map_or("", |(token, _)| &self.text[token.span.range()])
    }

    /// Whether an outermost word stands there.
    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|(token, depth)| {
            *depth == 0 && token.kind == TokenKind::Word && self.text(at).eq_ignore_ascii_case(word)
        })
    }

    fn is_symbol(&self, at: usize, symbol: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|(token, _)| matches!(token.kind, TokenKind::Symbol(s) if s == symbol))
    }

    /// The text of tokens `from..to`.
    fn slice(&self, from: usize, to: usize) -> &'t str {
        if from >= to || to > self.len() {
            return "";
        }
        let (first, last) = (&self.tokens[from].0, &self.tokens[to - 1].0);
        &self.text[first.span.start..last.span.end]
    }

    /// The name that a token is.
    fn name(&self, at: usize) -> Option<String> {
        let (token, _) = self.tokens.get(at)?;
        let text = self.text(at);
        match token.kind {
            TokenKind::Word => Some(text.to_string()),
            TokenKind::Quoted => Some(text[1..text.len() - 1].replace("``", "`")),
            _ => None,
        }
    }
}

/// A single SELECT.
pub(crate) struct Shape<'t> {
    /// Its list.
    pub(crate) items: Vec<&'t str>,
    clauses: Vec<(&'static str, &'t str)>,
}

impl<'t> Shape<'t> {
    /// The clauses of a query that is one SELECT; `None` for any other.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let tokens = Tokens::of(text);
        if !tokens.is_word(0, "SELECT") || tokens.is_word(1, "DISTINCT") {
            return None;
        }
        let mut starts: Vec<(&'static str, usize, usize)> = vec![("SELECT", 0, 1)];
        for at in 1..tokens.len() {
            if MORE.iter().any(|word| tokens.is_word(at, word)) {
                return None;
            }
            // `IS DISTINCT FROM` is no clause.
            if tokens.is_word(at, "FROM") && tokens.is_word(at - 1, "DISTINCT") {
                continue;
            }
            for (word, second) in CLAUSES {
                if tokens.is_word(at, word)
                    && second.is_none_or(|second| tokens.is_word(at + 1, second))
                {
                    let length = if second.is_some() { 2 } else { 1 };
                    starts.push((word, at, at + length));
                }
            }
        }
        let mut clauses = Vec::new();
        for (i, (word, _, from)) in starts.iter().enumerate() {
            let to = starts.get(i + 1).map_or(tokens.len(), |(_, at, _)| *at);
            clauses.push((*word, tokens.slice(*from, to)));
        }
        let (_, list) = clauses.remove(0);
        Some(Self {
            items: split(list, ","),
            clauses,
        })
    }

    /// The text of a clause: `FROM`, `WHERE`, `GROUP`, ….
    pub(crate) fn clause(&self, word: &str) -> Option<&'t str> {
        self.clauses
            .iter()
            .find(|(known, _)| *known == word)
            .map(|(_, text)| *text)
    }

    /// The clauses, if they are just these in this order.
    pub(crate) fn just<const N: usize>(&self, words: [&str; N]) -> Option<[&'t str; N]> {
        let own = self.clauses.iter().map(|(word, _)| *word);
        if !own.eq(words) {
            return None;
        }
        let mut texts = [""; N];
        for (text, (_, clause)) in texts.iter_mut().zip(&self.clauses) {
            *text = clause;
        }
        Some(texts)
    }
}

/// A list at its outermost commas, or at another symbol or word.
pub(crate) fn split<'t>(text: &'t str, at: &str) -> Vec<&'t str> {
    let tokens = Tokens::of(text);
    let mut out = Vec::new();
    let mut start = 0;
    for i in 0..tokens.len() {
        let outer = tokens.tokens[i].1 == 0;
        if outer && (tokens.is_symbol(i, at) || tokens.is_word(i, at)) {
            out.push(tokens.slice(start, i));
            start = i + 1;
        }
    }
    out.push(tokens.slice(start, tokens.len()));
    out
}

/// The queries between `UNION ALL`s, if there are any.
pub(crate) fn union_all(text: &str) -> Option<Vec<&str>> {
    let tokens = Tokens::of(text);
    let mut out = Vec::new();
    let mut start = 0;
    for i in 0..tokens.len() {
        if tokens.is_word(i, "UNION") {
            if !tokens.is_word(i + 1, "ALL") {
                return None;
            }
            out.push(tokens.slice(start, i));
            start = i + 2;
        }
    }
    if start == 0 {
        return None;
    }
    out.push(tokens.slice(start, tokens.len()));
    Some(out)
}

/// The name that a text is, without its backticks.
pub(crate) fn name(text: &str) -> Option<String> {
    let tokens = Tokens::of(text);
    if tokens.len() == 1 {
        tokens.name(0)
    } else {
        None
    }
}

/// The names of a list.
pub(crate) fn names(text: &str) -> Option<Vec<String>> {
    split(text, ",").into_iter().map(name).collect()
}

/// `expression AS name`: both, or the whole text without a name.
pub(crate) fn alias(text: &str) -> (&str, Option<String>) {
    let tokens = Tokens::of(text);
    let n = tokens.len();
    if n >= 3
        && tokens.is_word(n - 2, "AS")
        && let Some(name) = tokens.name(n - 1)
    {
        return (tokens.slice(0, n - 2), Some(name));
    }
    (text, None)
}

/// `side.column`: the column.
pub(crate) fn of_side(text: &str, side: &str) -> Option<String> {
    let tokens = Tokens::of(text);
    let fits = tokens.len() == 3 && tokens.text(0) == side && tokens.is_symbol(1, ".");
    if fits { tokens.name(2) } else { None }
}

/// `FUNCTION(a, b)`: the function in capitals and its arguments.
pub(crate) fn call(text: &str) -> Option<(String, Vec<&str>)> {
    let tokens = Tokens::of(text);
    let n = tokens.len();
    if n < 3 || !tokens.is_symbol(1, "(") || !tokens.is_symbol(n - 1, ")") {
        return None;
    }
    let inner_closes = (2..n - 1).any(|i| tokens.is_symbol(i, ")") && tokens.tokens[i].1 == 0);
    if inner_closes || tokens.tokens[0].0.kind != TokenKind::Word {
        return None;
    }
    let args = match n {
        3 => Vec::new(),
        _ => split(tokens.slice(2, n - 1), ","),
    };
    Some((tokens.text(0).to_ascii_uppercase(), args))
}

/// The text between the parentheses that are all there is.
pub(crate) fn in_parentheses(text: &str) -> Option<&str> {
    let tokens = Tokens::of(text);
    let n = tokens.len();
    let closes = |i: usize| tokens.is_symbol(i, ")") && tokens.tokens[i].1 == 0;
    let fits = n >= 3 && tokens.is_symbol(0, "(") && closes(n - 1) && !(1..n - 1).any(closes);
    fits.then(|| tokens.slice(1, n - 1))
}

/// The text behind leading words, in capitals.
pub(crate) fn after<'t>(text: &'t str, words: &[&str]) -> Option<&'t str> {
    let tokens = Tokens::of(text);
    let fits = words
        .iter()
        .enumerate()
        .all(|(i, word)| tokens.is_word(i, word));
    fits.then(|| tokens.slice(words.len(), tokens.len()))
}

/// The text in front of and behind the first of some words that stand one after the other.
pub(crate) fn around<'t>(text: &'t str, words: &[&str]) -> Option<(&'t str, &'t str)> {
    let tokens = Tokens::of(text);
    (0..tokens.len())
        .find(|&at| {
            words
                .iter()
                .enumerate()
                .all(|(i, word)| tokens.is_word(at + i, word))
        })
        .map(|at| {
            let behind = at + words.len();
            (tokens.slice(0, at), tokens.slice(behind, tokens.len()))
        })
}

/// `a op b` for an outermost symbol.
pub(crate) fn sides<'t>(text: &'t str, symbol: &str) -> Option<(&'t str, &'t str)> {
    match split(text, symbol).as_slice() {
        [left, right] if !left.is_empty() && !right.is_empty() => Some((left, right)),
        _ => None,
    }
}

/// `INTERVAL '5' MINUTE` as a duration that people write: `5 min`.
pub(crate) fn interval(text: &str) -> Option<String> {
    let tokens = Tokens::of(text);
    if !tokens.is_word(0, "INTERVAL") || tokens.len() < 3 {
        return None;
    }
    let number = tokens.text(1).strip_prefix('\'')?.strip_suffix('\'')?;
    let unit = match tokens.text(2).to_ascii_uppercase().as_str() {
        "DAY" => {
            let plural = if number == "1" { "" } else { "s" };
            return Some(format!("{number} day{plural}"));
        }
        "HOUR" => "h",
        "MINUTE" => "min",
        "SECOND" => "s",
        _ => return None,
    };
    Some(format!("{number} {unit}"))
}

/// A FROM clause of two relations.
pub(crate) struct JoinText<'t> {
    /// The left relation.
    pub(crate) left: &'t str,
    /// `JOIN`, `LEFT JOIN`, `CROSS JOIN`, ….
    pub(crate) words: String,
    /// The right relation.
    pub(crate) right: &'t str,
    /// What stands behind ON.
    pub(crate) on: Option<&'t str>,
}

impl<'t> JoinText<'t> {
    /// Reads `left [LEFT | …] JOIN right [ON condition]`.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let tokens = Tokens::of(text);
        let joins: Vec<usize> = (0..tokens.len())
            .filter(|&at| tokens.is_word(at, "JOIN"))
            .collect();
        let [join] = joins.as_slice() else {
            return None;
        };
        let kinds = ["LEFT", "RIGHT", "FULL", "CROSS"];
        let kind = join
            .checked_sub(1)
            .and_then(|at| kinds.into_iter().find(|word| tokens.is_word(at, word)));
        let before = if kind.is_some() { join - 1 } else { *join };
        let on = (*join..tokens.len()).find(|&at| tokens.is_word(at, "ON"));
        Some(Self {
            left: tokens.slice(0, before),
            words: kind.map_or("JOIN".to_string(), |kind| format!("{kind} JOIN")),
            right: tokens.slice(join + 1, on.unwrap_or(tokens.len())),
            on: on.map(|on| tokens.slice(on + 1, tokens.len())),
        })
    }
}

/// The leading conjuncts `l.a = r.b` of a condition, and what follows them.
pub(crate) fn equal_columns<'t>(
    text: &'t str,
    left: &str,
    right: &str,
) -> (Vec<(String, String)>, &'t str) {
    let tokens = Tokens::of(text);
    let mut pairs = Vec::new();
    let mut at = 0;
    while at + 7 <= tokens.len() {
        let fits = tokens.text(at) == left
            && tokens.is_symbol(at + 1, ".")
            && tokens.is_symbol(at + 3, "=")
            && tokens.text(at + 4) == right
            && tokens.is_symbol(at + 5, ".")
            && (at + 7 == tokens.len() || tokens.is_word(at + 7, "AND"));
        let (Some(a), Some(b), true) = (tokens.name(at + 2), tokens.name(at + 6), fits) else {
            break;
        };
        pairs.push((a, b));
        at += 8;
    }
    (pairs, tokens.slice(at.min(tokens.len()), tokens.len()))
}

/// `a BETWEEN b AND c [AND rest]`: all four.
pub(crate) fn between(text: &str) -> Option<(&str, &str, &str, Option<&str>)> {
    let (value, bounds) = around(text, &["BETWEEN"])?;
    let parts = split(bounds, "AND");
    match parts.as_slice() {
        [low, high] => Some((value, low, high, None)),
        [low, high, ..] => {
            let (_, rest) = around(bounds, &["AND"])?;
            let (_, rest) = around(rest, &["AND"])?;
            Some((value, low, high, Some(rest)))
        }
        _ => None,
    }
}

/// Whether two texts have the same tokens, comments included. Keywords may differ in case.
pub(crate) fn same_tokens(a: &str, b: &str) -> bool {
    let (left, right) = (tokenize(a), tokenize(b));
    left.len() == right.len()
        && left.iter().zip(&right).all(|(x, y)| {
            let (x_text, y_text) = (x.text(a), y.text(b));
            x.kind == y.kind
                && (x_text == y_text
                    || (x.kind == TokenKind::Word
                        && crate::sql::is_reserved(x_text)
                        && x_text.eq_ignore_ascii_case(y_text)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_and_lists() {
        let shape = Shape::of(
            "select a, f(b, c) AS x -- note\n FROM t WHERE a IS DISTINCT FROM b GROUP BY a, b",
        )
        .unwrap();
        assert_eq!(shape.items, ["a", "f(b, c) AS x"]);
        assert_eq!(
            shape.just(["FROM", "WHERE", "GROUP"]),
            Some(["t", "a IS DISTINCT FROM b", "a, b"])
        );
        assert_eq!(shape.just(["FROM"]), None);
        assert_eq!(shape.clause("GROUP"), Some("a, b"));
        for other in [
            "SELECT a FROM t UNION ALL SELECT b FROM t",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "SELECT DISTINCT a FROM t",
            "SELECT a FROM t LIMIT 5",
        ] {
            assert!(Shape::of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn parts() {
        assert_eq!(
            alias("CAST(a AS INT) AS `order`"),
            ("CAST(a AS INT)", Some("order".into()))
        );
        assert_eq!(alias("CAST(a AS INT)"), ("CAST(a AS INT)", None));
        assert_eq!(
            call("TUMBLE(TABLE t, DESCRIPTOR(ts))"),
            Some(("TUMBLE".into(), vec!["TABLE t", "DESCRIPTOR(ts)"]))
        );
        assert_eq!(call("f(a) + g(b)"), None);
        assert_eq!(in_parentheses("(a OR (b))"), Some("a OR (b)"));
        assert_eq!(in_parentheses("(a) OR (b)"), None);
        assert_eq!(
            interval("INTERVAL '100' MINUTE(3)").as_deref(),
            Some("100 min")
        );
        assert_eq!(interval("INTERVAL '0.5' SECOND").as_deref(), Some("0.5 s"));
        assert_eq!(interval("INTERVAL '1' MONTH"), None);
        assert_eq!(
            between("r.ts BETWEEN l.ts AND l.ts + x AND b AND c"),
            Some(("r.ts", "l.ts", "l.ts + x", Some("b AND c")))
        );
        let join = JoinText::of("a AS l LEFT JOIN b AS r ON l.x = r.`y` AND z > 1").unwrap();
        assert_eq!(
            (join.left, join.words.as_str(), join.right),
            ("a AS l", "LEFT JOIN", "b AS r")
        );
        assert_eq!(
            equal_columns(join.on.unwrap(), "l", "r"),
            (vec![("x".into(), "y".into())], "z > 1")
        );
        assert_eq!(
            union_all("SELECT 1 UNION ALL SELECT 2"),
            Some(vec!["SELECT 1", "SELECT 2"])
        );
        assert_eq!(union_all("SELECT 1 UNION SELECT 2"), None);
    }

    #[test]
    fn tokens_are_the_same_whatever_stands_between_them() {
        assert!(same_tokens("select a\nFROM t", "SELECT a FROM  t"));
        assert!(!same_tokens("SELECT a FROM t", "SELECT A FROM t"));
        assert!(!same_tokens("SELECT a /* x */ FROM t", "SELECT a FROM t"));
    }
}
