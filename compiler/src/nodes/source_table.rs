//! `CREATE TABLE` for sources and sinks: columns, watermark, options.

use std::collections::BTreeMap;

use millstream_functions::types::{FlinkType, TypeKind};

use super::parameter::{DefaultValue, ParameterSpec, ParameterType, interval_literal};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::lower::expression::check_expression;
use crate::lower::{Failed, NodeContext, SqlText};
use crate::sql::lexer::{self, TokenKind};
use crate::sql::{quote_name, quote_text};

/// The parameter `watermark` of a source.
pub(crate) const WATERMARK: ParameterSpec = ParameterSpec::new(
    "watermark",
    "Event time",
    ParameterType::Column,
    "The column that says when a row happened. Windows and rolling aggregates need one",
)
.example("\"ts\"");

/// The parameter `watermark-delay` of a source.
pub(crate) const WATERMARK_DELAY: ParameterSpec = ParameterSpec::new(
    "watermark-delay",
    "Out of order by",
    ParameterType::Duration,
    "How much later than its neighbours a row may come and still be counted. Results wait as long",
)
.default(DefaultValue::Text("0 s"));

/// The parameter `options` of a source or sink.
pub(crate) const OPTIONS: ParameterSpec = ParameterSpec::new(
    "options",
    "More options",
    ParameterType::KeyValues,
    "Options of the connector and the format under the names that Flink gives them",
)
.advanced();

/// A column as it will stand in `CREATE TABLE`.
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    /// What stands behind the name.
    pub(crate) definition: SqlText,
    /// The type, unless it is computed.
    pub(crate) ty: Option<FlinkType>,
}

impl ColumnDefinition {
    /// A column of a type that no parameter gives.
    pub(crate) fn of(name: &str, ty: &FlinkType) -> Self {
        Self {
            name: name.to_string(),
            definition: SqlText::plain(ty.to_string()),
            ty: Some(ty.clone()),
        }
    }
}

/// The options of a table in the order they are written, each with its text.
#[derive(Default)]
pub(crate) struct Options(Vec<(String, SqlText, String)>);

impl Options {
    /// An option that no parameter gives.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.0.push((
            key.to_string(),
            SqlText::plain(quote_text(value)),
            value.to_string(),
        ));
    }

    /// An option that a parameter gives.
    pub(crate) fn set_from(&mut self, key: &str, parameter: &str, value: &str) {
        self.0.push((
            key.to_string(),
            SqlText::literal_of(parameter, value),
            value.to_string(),
        ));
    }

    /// The options of the parameter `options`; one that the node sets itself is refused.
    pub(crate) fn add_parameter(&mut self, context: &mut NodeContext<'_>) -> Result<(), Failed> {
        for (path, key, value) in context.options("options") {
            if self.0.iter().any(|(known, _, _)| known == key) {
                return Err(context.fail(
                    Diagnostic::error(
                        "parameter/value",
                        format!("'{key}' is set by another parameter of the node"),
                    )
                    .on_parameter(path, None)
                    .help("remove it from the options"),
                ));
            }
            self.set_from(key, &path, &value);
        }
        Ok(())
    }

    /// The options as keys and values.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(key, _, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// `\n) WITH (…)`.
    fn append_to(&self, out: &mut SqlText) {
        out.push(" WITH (");
        for (i, (key, value, _)) in self.0.iter().enumerate() {
            out.push(if i == 0 { "\n  " } else { ",\n  " });
            out.push(&quote_text(key));
            out.push(" = ");
            out.append(value);
        }
        out.push("\n)");
    }
}

/// What a table may have besides columns, watermark and options.
#[derive(Default)]
pub(crate) struct TableParts {
    /// `PRIMARY KEY`.
    pub(crate) primary_key: Vec<SqlText>,
    /// `PARTITIONED BY`.
    pub(crate) partitioned_by: Vec<SqlText>,
    /// `COMMENT`, with its quotes.
    pub(crate) comment: Option<SqlText>,
}

/// `CREATE TABLE name (…) WITH (…)`.
pub(crate) fn create_table(
    name: &str,
    columns: &[ColumnDefinition],
    watermark: Option<&SqlText>,
    options: &Options,
) -> SqlText {
    create_table_of(name, columns, watermark, &TableParts::default(), options)
}

/// `CREATE TABLE name (…) COMMENT … PARTITIONED BY (…) WITH (…)`.
pub(crate) fn create_table_of(
    name: &str,
    columns: &[ColumnDefinition],
    watermark: Option<&SqlText>,
    parts: &TableParts,
    options: &Options,
) -> SqlText {
    let mut out = SqlText::plain(format!("CREATE TABLE {} (", quote_name(name)));
    for (i, column) in columns.iter().enumerate() {
        out.push(if i == 0 { "\n  " } else { ",\n  " });
        out.push(&quote_name(&column.name));
        out.push(" ");
        out.append(&column.definition);
    }
    if let Some(watermark) = watermark {
        out.push(",\n  ");
        out.append(watermark);
    }
    if !parts.primary_key.is_empty() {
        out.push(",\n  ");
        out.append(&SqlText::list("PRIMARY KEY (", &parts.primary_key));
        out.push(") NOT ENFORCED");
    }
    out.push("\n)");
    if let Some(comment) = &parts.comment {
        out.push(" COMMENT ");
        out.append(comment);
    }
    if !parts.partitioned_by.is_empty() {
        out.append(&SqlText::list(" PARTITIONED BY (", &parts.partitioned_by));
        out.push(")");
    }
    options.append_to(&mut out);
    out
}

/// The columns that the parameter `schema` gives.
pub(crate) fn schema(context: &mut NodeContext<'_>) -> Result<Vec<ColumnDefinition>, Failed> {
    let mut columns = Vec::new();
    let mut failed = None;
    for (path, name, text) in context.entries("schema") {
        match definition(&path, text) {
            Ok((definition, ty)) => columns.push(ColumnDefinition {
                name: name.to_string(),
                definition,
                ty,
            }),
            Err(found) => failed = Some(context.fail_in(&path, found)),
        }
    }
    match failed {
        Some(failed) => Err(failed),
        None => Ok(columns),
    }
}

/// Reads what stands behind a column's name: a type, with METADATA after it, or AS an expression;
/// then perhaps a COMMENT. Spans of an error count bytes of the text.
fn definition(path: &str, text: &str) -> Result<(SqlText, Option<FlinkType>), Diagnostic> {
    let body = without_comment(text);
    let (sql, ty) = definition_without_comment(path, body)?;
    let comment = text[body.len()..].trim();
    if comment.is_empty() {
        return Ok((sql, ty));
    }
    let offset = text.len() - text[body.len()..].trim_start().len();
    let comment = SqlText::parameter(path, comment, offset);
    Ok((sql.then(" ").and(&comment), ty))
}

/// The text up to `COMMENT 'text'` at its end.
fn without_comment(text: &str) -> &str {
    let tokens = lexer::tokenize(text);
    match tokens.as_slice() {
        [.., word, comment]
            if comment.kind == TokenKind::Text
                && word.kind == TokenKind::Word
                && word.text(text).eq_ignore_ascii_case("COMMENT") =>
        {
            &text[..word.span.start]
        }
        _ => text,
    }
}

fn definition_without_comment(
    path: &str,
    text: &str,
) -> Result<(SqlText, Option<FlinkType>), Diagnostic> {
    let start = text.len() - text.trim_start().len();
    let trimmed = text.trim();
    if let Some(rest) = strip_word(trimmed, "AS") {
        let offset = start + trimmed.len() - rest.len();
        check_expression(rest).map(drop).map_err(|mut found| {
            if let Some(span) = &mut found.parameter_span {
                *span = Span::new(span.start + offset, span.end + offset);
            }
            found
        })?;
        let sql = SqlText::plain("AS ").and(&SqlText::parameter(path, rest, offset));
        return Ok((sql, None));
    }
    let (ty, end) = FlinkType::parse_prefix(trimmed).map_err(|error| {
        let at = (start + error.offset).min(text.len());
        let mut found = Diagnostic::error("column/type", error.message).help(
            "write a type of Flink SQL, such as BIGINT, STRING, DECIMAL(10, 2), TIMESTAMP(3)",
        );
        found.parameter_span = Some(Span::new(at, text.len()));
        found
    })?;
    let rest = trimmed.get(end..).unwrap_or("");
    if rest.is_empty() {
        // Flink's own spelling of the type; an error in it can only be about the whole.
        return Ok((SqlText::parameter(path, &ty.to_string(), start), Some(ty)));
    }
    let offset = start + trimmed.len() - rest.len();
    if !is_metadata(rest) {
        let mut found = Diagnostic::error(
            "column/definition",
            format!("'{rest}' has no meaning behind the type"),
        )
        .help("a type may be followed by NOT NULL, or by METADATA FROM 'key' VIRTUAL");
        found.parameter_span = Some(Span::new(offset, text.len()));
        return Err(found);
    }
    let sql = SqlText::plain(format!("{ty} ")).and(&SqlText::parameter(path, rest, offset));
    Ok((sql, Some(ty)))
}

/// Whether a text is `METADATA [FROM 'key'] [VIRTUAL]`.
fn is_metadata(text: &str) -> bool {
    let tokens = lexer::tokenize(text);
    let mut tokens = tokens.iter().peekable();
    let mut eat = |word: &str| {
        tokens
            .next_if(|token| {
                token.kind == TokenKind::Word && token.text(text).eq_ignore_ascii_case(word)
            })
            .is_some()
    };
    if !eat("METADATA") {
        return false;
    }
    let from = eat("FROM");
    if from
        && tokens
            .next_if(|token| token.kind == TokenKind::Text)
            .is_none()
    {
        return false;
    }
    tokens.next_if(|token| token.text(text).eq_ignore_ascii_case("VIRTUAL"));
    tokens.next().is_none()
}

/// The text after a leading word.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let head = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    (head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace))
        .then(|| rest.trim_start())
}

/// `WATERMARK FOR ts AS ts - INTERVAL '5' SECOND`, if the parameter `watermark` is set.
pub(crate) fn watermark(
    context: &mut NodeContext<'_>,
    columns: &[ColumnDefinition],
) -> Result<Option<SqlText>, Failed> {
    let Some(name) = context.text("watermark") else {
        if context.node.parameters.contains_key("watermark-delay") {
            context.report(
                Diagnostic::warning(
                    "parameter/ignored",
                    "'watermark-delay' does nothing without 'watermark'",
                )
                .on_parameter("watermark-delay", None)
                .help("set 'watermark' to the column of the event time"),
            );
        }
        return Ok(None);
    };
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let help = match did_you_mean(name, names.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("it has: {}", names.join(", ")),
        };
        return Err(context.fail(
            Diagnostic::error("column/unknown", format!("there is no column '{name}'"))
                .on_parameter("watermark", Some(Span::new(0, name.len())))
                .help(help),
        ));
    };
    // Flink: the rowtime is a TIMESTAMP or TIMESTAMP_LTZ of at most three digits.
    if let Some(ty) = &column.ty
        && !matches!(
            ty.kind,
            TypeKind::Timestamp(0..=3) | TypeKind::TimestampLtz(0..=3)
        )
    {
        let help = if ty.is_timestamp() {
            format!("declare '{name}' as TIMESTAMP(3)")
        } else {
            format!(
                "add a column to the schema, such as event_time = \"AS TO_TIMESTAMP({})\", and use that",
                quote_name(name)
            )
        };
        return Err(context.fail(
            Diagnostic::error(
                "column/no-time",
                format!(
                    "the event time must be TIMESTAMP(3) or TIMESTAMP_LTZ(3), but '{name}' is {ty}"
                ),
            )
            .on_parameter("watermark", Some(Span::new(0, name.len())))
            .help(help),
        ));
    }
    let column = SqlText::name_of("watermark", name);
    let mut out = SqlText::plain("WATERMARK FOR ").and(&column).then(" AS ");
    out.append(&column);
    if let Some(delay) = context.duration("watermark-delay")
        && !delay.is_zero()
    {
        out.push(" - ");
        out.push(&interval_literal(delay));
    }
    Ok(Some(out))
}
