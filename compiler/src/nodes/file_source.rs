//! File source: rows of CSV or JSON files.

use super::parameter::{EnumValue, ParameterSpec, ParameterType, PathKind};
use super::source_table::{
    ColumnDefinition, OPTIONS, Options, WATERMARK, WATERMARK_DELAY, create_table, schema, watermark,
};
use super::{Family, Inputs, KindSpec, NodeKind};
use crate::diagnostics::Diagnostic;
use crate::document::Node;
use crate::lower::recognise::with_some;
use crate::lower::{Failed, NodeContext, NodeSql, TableText, Target};

/// Reads a file, all files of a folder, or those that a glob names (Flink's `filesystem`
/// connector).
pub(crate) struct FileSource;

/// The formats of files.
pub(crate) const FORMATS: &[EnumValue] = &[
    EnumValue {
        name: "csv",
        title: "CSV",
    },
    EnumValue {
        name: "json",
        title: "JSON, one object a line",
    },
];

const SPEC: KindSpec = KindSpec {
    name: "file-source",
    title: "File source",
    help: "Reads rows from CSV or JSON files",
    family: Family::Source,
    inputs: Inputs::None,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "path",
            "Path",
            ParameterType::Path(PathKind::Data),
            "A file, a folder (all files in it) or a glob such as data/orders-*.csv",
        )
        .required()
        .example("\"data/orders.csv\""),
        ParameterSpec::new(
            "format",
            "Format",
            ParameterType::Enum(FORMATS),
            "How rows are written in the files",
        )
        .required()
        .example("\"csv\""),
        WATERMARK,
        WATERMARK_DELAY,
        ParameterSpec::new(
            "schema",
            "Columns",
            ParameterType::Schema,
            "Name and type of each column. Without it they are found by looking into the data",
        ),
        OPTIONS,
    ],
};

impl NodeKind for FileSource {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let path = node.text_at("path")?;
        let format = node.text_at("format")?;
        Some(format!("{path} ({})", format.to_uppercase()))
    }

    fn recognise_table(&self, table: &TableText) -> Vec<Node> {
        let read = || {
            if table.option("connector")? != "filesystem" || !table.is_plain() {
                return None;
            }
            let node = Node::new(SPEC.name)
                .with("path", table.option("path")?)
                .with("format", table.option("format")?);
            let node = with_some(node, "schema", table.schema.clone());
            let others = table.other_options(&["connector", "path", "format"]);
            table.with_delay(with_some(node, "options", others))
        };
        read().into_iter().collect()
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let path = context.required_text("path")?;
        let format = context.required_text("format")?;
        let mut options = Options::default();
        options.set("connector", "filesystem");
        match (split_glob(path), context.target) {
            (Some((folder, pattern)), Target::Flink) => {
                // Flink: the pattern is matched against the whole path of each file.
                options.set_from("path", "path", folder);
                options.set("source.path.regex-pattern", &glob_regex(pattern));
                context.report(
                    Diagnostic::info(
                        "target/glob",
                        "Flink has no globs: the script for Flink reads the folder and picks files by a regular expression",
                    )
                    .on_parameter("path", None),
                );
            }
            _ => options.set_from("path", "path", path),
        }
        options.set_from("format", "format", format);
        options.add_parameter(context)?;
        let columns = if context.node.parameters.contains_key("schema") {
            schema(context)?
        } else {
            match context.environment.infer_schema(&options.to_map()) {
                Ok(columns) if !columns.is_empty() => columns
                    .iter()
                    .map(|(name, ty)| ColumnDefinition::of(name, ty))
                    .collect(),
                Ok(_) => {
                    return Err(context.fail(
                        Diagnostic::error(
                            "source/no-columns",
                            format!("no columns can be found in '{path}'"),
                        )
                        .on_parameter("path", None)
                        .help("give the columns as 'schema'"),
                    ));
                }
                Err(reason) => {
                    return Err(context.fail(
                        Diagnostic::error("source/schema", reason)
                            .on_parameter("path", None)
                            .help("check the path, or give the columns as 'schema'"),
                    ));
                }
            }
        };
        let watermark = watermark(context, &columns)?;
        Ok(NodeSql {
            definitions: vec![create_table(
                context.id.as_str(),
                &columns,
                watermark.as_ref(),
                &options,
            )],
            inserts: Vec::new(),
        })
    }
}

/// A path with wildcards as the folder above the first of them and the rest.
fn split_glob(path: &str) -> Option<(&str, &str)> {
    let first = path.find(['*', '?', '['])?;
    Some(match path[..first].rfind('/') {
        Some(0) => ("/", &path[1..]),
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (".", path),
    })
}

/// A glob as a regular expression for the end of a path: `*` and `?` stop at slashes, `**` does not.
fn glob_regex(pattern: &str) -> String {
    let mut out = String::from(".*/");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                    out.push_str("(.*/)?");
                } else {
                    out.push_str(".*");
                }
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => {
                out.push('[');
                if chars.peek() == Some(&'!') {
                    chars.next();
                    out.push('^');
                }
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            c if "\\.+(){}^$|".contains(c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        assert_eq!(split_glob("data/a.csv"), None);
        assert_eq!(split_glob("data/*.csv"), Some(("data", "*.csv")));
        assert_eq!(split_glob("*.csv"), Some((".", "*.csv")));
        assert_eq!(split_glob("/*.csv"), Some(("/", "*.csv")));
        assert_eq!(split_glob("a/b*/c.csv"), Some(("a", "b*/c.csv")));
        for (glob, expected) in [
            ("*.csv", ".*/[^/]*\\.csv"),
            ("o-?[!a].json", ".*/o-[^/][^a]\\.json"),
            ("**/x", ".*/(.*/)?x"),
            ("[ab", ".*/[ab"),
        ] {
            assert_eq!(glob_regex(glob), expected);
        }
    }
}
