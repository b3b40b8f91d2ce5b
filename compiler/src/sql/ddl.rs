//! `CREATE`, `DROP` and `ALTER` of tables, views, models and functions.

use datafusion_sql::sqlparser::ast;

use super::lexer::TokenKind;
use super::parser::{HelpWith, Parsed, Parser, SYNTAX};
use super::statement::{
    AlterModel, AlterTable, AlterView, Column, ColumnKind, ColumnPosition, CreateFunction,
    CreateModel, CreateTable, CreateView, Distribution, DistributionKind, Drop, Language, Like,
    LikeFeature, LikeMerging, LikeOption, ModelChange, ModelColumn, Name, ObjectKind, PrimaryKey,
    Resource, ResourceKind, SchemaChange, StatementKind, TableChange, ViewChange, Watermark,
};
use crate::diagnostics::{Diagnostic, Span};

/// The elements between the parentheses of a `CREATE TABLE` or an `ALTER TABLE`.
#[derive(Default)]
struct Elements {
    columns: Vec<(Column, Option<ColumnPosition>)>,
    watermark: Option<Watermark>,
    primary_key: Option<PrimaryKey>,
}

impl Parser<'_> {
    pub(crate) fn create(&mut self) -> Parsed<StatementKind> {
        self.advance();
        if self.is_word("OR") {
            return Err(self.not_supported("CREATE OR …"));
        }
        let temporary = self.eat_word("TEMPORARY");
        let system = self.is_word("SYSTEM");
        if system {
            if !temporary {
                return Err(self
                    .not_supported("CREATE SYSTEM FUNCTION")
                    .help_with("write CREATE TEMPORARY SYSTEM FUNCTION"));
            }
            self.advance();
            if !self.is_word("FUNCTION") {
                return Err(self.unexpected("FUNCTION"));
            }
        }
        if self.eat_word("TABLE") {
            return Ok(StatementKind::CreateTable(self.create_table(temporary)?));
        }
        if self.eat_word("VIEW") {
            return Ok(StatementKind::CreateView(self.create_view(temporary)?));
        }
        if self.eat_word("MODEL") {
            return Ok(StatementKind::CreateModel(self.create_model(temporary)?));
        }
        if self.eat_word("FUNCTION") {
            return Ok(StatementKind::CreateFunction(
                self.create_function(temporary, system)?,
            ));
        }
        for word in ["CATALOG", "DATABASE", "CONNECTION", "MATERIALIZED"] {
            if self.is_word(word) {
                return Err(self.not_supported(&format!("CREATE {word}")));
            }
        }
        Err(self.unexpected("TABLE, VIEW, MODEL or FUNCTION"))
    }

    fn create_table(&mut self, temporary: bool) -> Parsed<CreateTable> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name("the name of the table")?;
        let mut elements = Elements::default();
        if self.eat_symbol("(") {
            elements = self.table_elements(false)?;
        }
        let comment = self.comment()?;
        let distribution = self.distribution()?;
        let mut partitioned_by = Vec::new();
        if self.eat_word("PARTITIONED") {
            self.expect_word("BY")?;
            partitioned_by = self.ident_list("a column")?;
        }
        if self.is_words(&["USING", "CONNECTION"]) {
            return Err(self.not_supported("USING CONNECTION"));
        }
        let options = if self.eat_word("WITH") {
            self.options()?
        } else {
            Vec::new()
        };
        if self.is_word("AS") {
            return Err(self
                .not_supported("CREATE TABLE … AS query")
                .help_with("create the table with its columns, then INSERT INTO it"));
        }
        let like = if self.eat_word("LIKE") {
            Some(self.like()?)
        } else {
            None
        };
        Ok(CreateTable {
            name,
            temporary,
            if_not_exists,
            columns: elements.columns.into_iter().map(|(c, _)| c).collect(),
            watermark: elements.watermark,
            primary_key: elements.primary_key,
            comment,
            distribution,
            partitioned_by,
            options,
            like,
        })
    }

    /// Up to the closing parenthesis.
    fn table_elements(&mut self, positions: bool) -> Parsed<Elements> {
        let mut elements = Elements::default();
        loop {
            self.table_element(&mut elements, positions)?;
            if self.eat_symbol(")") {
                return Ok(elements);
            }
            if !self.eat_symbol(",") {
                return Err(self.unexpected("',' or ')' after a column"));
            }
        }
    }

    fn table_element(&mut self, elements: &mut Elements, positions: bool) -> Parsed<()> {
        let start = self.position();
        if self.is_word("WATERMARK") {
            let watermark = self.watermark()?;
            if elements.watermark.is_some() {
                return Err(Box::new(
                    Diagnostic::not_supported("more than one WATERMARK").at(watermark.span),
                ));
            }
            elements.watermark = Some(watermark);
            return Ok(());
        }
        if self.is_word("CONSTRAINT") || self.is_word("PRIMARY") || self.is_word("UNIQUE") {
            let name = if self.eat_word("CONSTRAINT") {
                Some(self.ident("the name of the constraint")?)
            } else {
                None
            };
            self.primary_key_words()?;
            let columns = self.ident_list("a column")?;
            self.not_enforced(start)?;
            return self.set_primary_key(elements, name, columns, start);
        }
        let (column, key) = self.column(start)?;
        if let Some((name, at)) = key {
            let ident = ast::Ident {
                span: self.ast_span(column.name_span),
                ..ast::Ident::with_quote('`', column.name.clone())
            };
            self.set_primary_key(elements, name, vec![ident], at)?;
        }
        let position = if !positions {
            None
        } else if self.eat_word("FIRST") {
            Some(ColumnPosition::First)
        } else if self.eat_word("AFTER") {
            Some(ColumnPosition::After(self.ident("a column")?))
        } else {
            None
        };
        if elements
            .columns
            .iter()
            .any(|(other, _)| other.name == column.name)
        {
            return Err(Box::new(
                Diagnostic::not_supported(format!("declaring the column '{}' twice", column.name))
                    .at(column.name_span),
            ));
        }
        elements.columns.push((column, position));
        Ok(())
    }

    /// `PRIMARY KEY`; `UNIQUE` is refused, by Flink too.
    fn primary_key_words(&mut self) -> Parsed<()> {
        if self.is_word("UNIQUE") {
            return Err(self.not_supported("a UNIQUE constraint"));
        }
        if !self.eat_word("PRIMARY") {
            return Err(self.unexpected("PRIMARY KEY"));
        }
        self.expect_word("KEY")
    }

    /// `NOT ENFORCED`, which must be said: nothing checks that the key is unique.
    fn not_enforced(&mut self, start: usize) -> Parsed<()> {
        if self.eat_words(&["NOT", "ENFORCED"]) {
            return Ok(());
        }
        let enforced = self.eat_word("ENFORCED");
        Err(Box::new(
            Diagnostic::not_supported(if enforced {
                "an enforced PRIMARY KEY"
            } else {
                "a PRIMARY KEY without NOT ENFORCED"
            })
            .at(self.span_from(start))
            .help("write PRIMARY KEY (…) NOT ENFORCED: Flink does not check keys either"),
        ))
    }

    fn set_primary_key(
        &self,
        elements: &mut Elements,
        name: Option<ast::Ident>,
        columns: Vec<ast::Ident>,
        start: usize,
    ) -> Parsed<()> {
        let span = self.span_from(start);
        if elements.primary_key.is_some() {
            return Err(Box::new(
                Diagnostic::not_supported("more than one PRIMARY KEY").at(span),
            ));
        }
        elements.primary_key = Some(PrimaryKey {
            name,
            columns,
            span,
        });
        Ok(())
    }

    fn watermark(&mut self) -> Parsed<Watermark> {
        let start = self.position();
        self.expect_words(&["WATERMARK", "FOR"])?;
        let column = self.dotted("the rowtime column")?;
        if !self.eat_word("AS") {
            return Err(self
                .unexpected("AS")
                .help_with("write WATERMARK FOR column AS expression, such as WATERMARK FOR ts AS ts - INTERVAL '5' SECOND"));
        }
        let (expr, text, expr_span) = self.column_expr()?;
        Ok(Watermark {
            column: column.parts,
            column_span: column.span,
            expr,
            text,
            expr_span,
            span: self.span_from(start),
        })
    }

    /// An expression over the columns of one row.
    fn column_expr(&mut self) -> Parsed<(ast::Expr, String, Span)> {
        let start = self.position();
        if self.is_symbol("(") && self.starts_query(0) {
            return Err(self.unexpected("an expression without a query"));
        }
        let expr = self.expr()?;
        let span = self.span_from(start);
        Ok((expr, self.script[span.range()].to_string(), span))
    }

    /// A column, and the name and place of the primary key that stands at it.
    #[allow(clippy::type_complexity)] // the second half is consumed at once by the caller
    fn column(&mut self, start: usize) -> Parsed<(Column, Option<(Option<ast::Ident>, usize)>)> {
        let name_span = self.span();
        let name = self.ident("a column, WATERMARK or PRIMARY KEY")?.value;
        let mut key = None;
        let kind = if self.eat_word("AS") {
            let (expr, text, span) = self.column_expr()?;
            ColumnKind::Computed {
                expr: Box::new(expr),
                text,
                span,
            }
        } else {
            if self.is_symbol(",") || self.is_symbol(")") {
                return Err(Box::new(
                    Diagnostic::not_supported(format!("the column '{name}' without a data type"))
                        .at(name_span)
                        .help("write the type behind the name, or AS and an expression"),
                ));
            }
            let (ty, ty_span) = self.data_type()?;
            if self.eat_word("METADATA") {
                let from = if self.eat_word("FROM") {
                    Some(self.string("the key of the metadata")?.0)
                } else {
                    None
                };
                ColumnKind::Metadata {
                    ty,
                    ty_span,
                    from,
                    virtual_: self.eat_word("VIRTUAL"),
                }
            } else {
                let at = self.position();
                if self.is_word("CONSTRAINT") || self.is_word("PRIMARY") || self.is_word("UNIQUE") {
                    let constraint = if self.eat_word("CONSTRAINT") {
                        Some(self.ident("the name of the constraint")?)
                    } else {
                        None
                    };
                    self.primary_key_words()?;
                    self.not_enforced(at)?;
                    key = Some((constraint, at));
                }
                ColumnKind::Physical { ty, ty_span }
            }
        };
        if self.is_word("DEFAULT") || self.is_word("GENERATED") {
            return Err(self.not_supported(&format!("{} of a column", self.text(0).to_uppercase())));
        }
        let comment = self.comment()?;
        let column = Column {
            name,
            name_span,
            kind,
            comment,
            span: self.span_from(start),
        };
        Ok((column, key))
    }

    fn distribution(&mut self) -> Parsed<Option<Distribution>> {
        if !self.eat_word("DISTRIBUTED") {
            return Ok(None);
        }
        let mut distribution = Distribution {
            kind: None,
            columns: vec![],
            buckets: None,
        };
        if self.eat_word("BY") {
            distribution.kind = match self.eat_one_of(&["HASH", "RANGE"]) {
                Some("HASH") => Some(DistributionKind::Hash),
                Some(_) => Some(DistributionKind::Range),
                None => None,
            };
            distribution.columns = self.ident_list("a column")?;
        } else if !self.is_word("INTO") {
            return Err(self.unexpected("BY or INTO"));
        }
        if self.eat_word("INTO") {
            let span = self.span();
            let buckets = self.integer("a number of buckets")?;
            distribution.buckets =
                Some(u32::try_from(buckets).map_err(|_| {
                    Box::new(Diagnostic::error(SYNTAX, "too many buckets").at(span))
                })?);
            self.expect_word("BUCKETS")?;
        }
        Ok(Some(distribution))
    }

    fn like(&mut self) -> Parsed<Like> {
        let table = self.name("the name of a table")?;
        let mut options: Vec<LikeOption> = Vec::new();
        if self.eat_symbol("(") {
            while !self.eat_symbol(")") {
                let start = self.position();
                let merging = match self.eat_one_of(&["INCLUDING", "EXCLUDING", "OVERWRITING"]) {
                    Some("INCLUDING") => LikeMerging::Including,
                    Some("EXCLUDING") => LikeMerging::Excluding,
                    Some(_) => LikeMerging::Overwriting,
                    None => return Err(self.unexpected("INCLUDING, EXCLUDING, OVERWRITING or ')'")),
                };
                let feature = match self.eat_one_of(&[
                    "ALL",
                    "CONSTRAINTS",
                    "DISTRIBUTION",
                    "GENERATED",
                    "METADATA",
                    "OPTIONS",
                    "PARTITIONS",
                    "WATERMARKS",
                ]) {
                    Some("ALL") => LikeFeature::All,
                    Some("CONSTRAINTS") => LikeFeature::Constraints,
                    Some("DISTRIBUTION") => LikeFeature::Distribution,
                    Some("GENERATED") => LikeFeature::Generated,
                    Some("METADATA") => LikeFeature::Metadata,
                    Some("OPTIONS") => LikeFeature::Options,
                    Some("PARTITIONS") => LikeFeature::Partitions,
                    Some(_) => LikeFeature::Watermarks,
                    None => {
                        return Err(self.unexpected(
                            "ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS or WATERMARKS",
                        ));
                    }
                };
                let wrong = if options.iter().any(|o| o.feature == feature) {
                    Some("a feature is named only once in LIKE")
                } else if merging == LikeMerging::Overwriting
                    && matches!(
                        feature,
                        LikeFeature::All
                            | LikeFeature::Constraints
                            | LikeFeature::Distribution
                            | LikeFeature::Partitions
                    )
                {
                    Some("this feature cannot be overwritten, only included or excluded")
                } else {
                    None
                };
                if let Some(message) = wrong {
                    return Err(Box::new(
                        Diagnostic::error(SYNTAX, message).at(self.span_from(start)),
                    ));
                }
                options.push(LikeOption { merging, feature });
            }
        }
        Ok(Like { table, options })
    }

    fn create_view(&mut self, temporary: bool) -> Parsed<CreateView> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name("the name of the view")?;
        let columns = if self.is_symbol("(") {
            self.ident_list("the name of a column")?
        } else {
            vec![]
        };
        let comment = self.comment()?;
        self.expect_word("AS")?;
        let query = self.query()?;
        Ok(CreateView {
            name,
            temporary,
            if_not_exists,
            columns,
            comment,
            query,
        })
    }

    fn create_model(&mut self, temporary: bool) -> Parsed<CreateModel> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name("the name of the model")?;
        let inputs = self.model_columns("INPUT")?;
        let outputs = self.model_columns("OUTPUT")?;
        let comment = self.comment()?;
        let options = if self.eat_word("WITH") {
            self.options()?
        } else {
            Vec::new()
        };
        if self.is_word("AS") {
            return Err(self
                .not_supported("CREATE MODEL … AS query")
                .help_with("train the model elsewhere and give its file in WITH"));
        }
        Ok(CreateModel {
            name,
            temporary,
            if_not_exists,
            inputs,
            outputs,
            comment,
            options,
        })
    }

    fn model_columns(&mut self, word: &str) -> Parsed<Vec<ModelColumn>> {
        if !self.eat_word(word) {
            return Ok(vec![]);
        }
        self.expect_symbol("(")?;
        let columns: Vec<ModelColumn> = self.comma_separated(|p| {
            let name_span = p.span();
            let name = p.ident("the name of a column")?.value;
            let (ty, ty_span) = p.data_type()?;
            Ok(ModelColumn {
                name,
                ty,
                comment: p.comment()?,
                name_span,
                ty_span,
            })
        })?;
        if !self.eat_symbol(")") {
            return Err(self.unexpected("',' or ')' after a column"));
        }
        for (i, column) in columns.iter().enumerate() {
            if columns[..i].iter().any(|other| other.name == column.name) {
                return Err(Box::new(
                    Diagnostic::error(
                        SYNTAX,
                        format!("the column '{}' is declared twice", column.name),
                    )
                    .at(column.name_span),
                ));
            }
        }
        Ok(columns)
    }

    fn create_function(&mut self, temporary: bool, system: bool) -> Parsed<CreateFunction> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name("the name of the function")?;
        if system && name.parts.len() > 1 {
            return Err(Box::new(
                Diagnostic::error(SYNTAX, "a system function has a name of one part").at(name.span),
            ));
        }
        self.expect_word("AS")?;
        let (identifier, identifier_span) = self.string("the class or module of the function")?;
        let language = if self.eat_word("LANGUAGE") {
            Some(match self.eat_one_of(&["JAVA", "SCALA", "PYTHON"]) {
                Some("JAVA") => Language::Java,
                Some("SCALA") => Language::Scala,
                Some(_) => Language::Python,
                None => return Err(self.unexpected("JAVA, SCALA or PYTHON")),
            })
        } else {
            None
        };
        let resources = if self.eat_word("USING") {
            self.comma_separated(|p| {
                let kind = match p.eat_one_of(&["JAR", "ARTIFACT"]) {
                    Some("JAR") => ResourceKind::Jar,
                    Some(_) => ResourceKind::Artifact,
                    None => return Err(p.unexpected("JAR or ARTIFACT")),
                };
                Ok(Resource {
                    kind,
                    path: p.string("the path")?.0,
                })
            })?
        } else {
            vec![]
        };
        Ok(CreateFunction {
            name,
            temporary,
            system,
            if_not_exists,
            identifier,
            identifier_span,
            language,
            resources,
        })
    }

    pub(crate) fn drop(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let temporary = self.eat_word("TEMPORARY");
        let system = temporary && self.eat_word("SYSTEM");
        let kind = match self.eat_one_of(&["TABLE", "VIEW", "MODEL", "FUNCTION"]) {
            Some("FUNCTION") => ObjectKind::Function,
            Some(word) if system => {
                return Err(Box::new(
                    Diagnostic::error(
                        SYNTAX,
                        format!("there is no system {}", word.to_lowercase()),
                    )
                    .at(self.span()),
                ));
            }
            Some("TABLE") => ObjectKind::Table,
            Some("VIEW") => ObjectKind::View,
            Some(_) => ObjectKind::Model,
            None => {
                for word in ["CATALOG", "DATABASE", "CONNECTION", "MATERIALIZED"] {
                    if self.is_word(word) {
                        return Err(self.not_supported(&format!("DROP {word}")));
                    }
                }
                return Err(self.unexpected("TABLE, VIEW, MODEL or FUNCTION"));
            }
        };
        let if_exists = self.if_exists();
        Ok(StatementKind::Drop(Drop {
            kind,
            temporary,
            system,
            if_exists,
            name: self.name("a name")?,
        }))
    }

    pub(crate) fn alter(&mut self) -> Parsed<StatementKind> {
        self.advance();
        match self.eat_one_of(&["TABLE", "VIEW", "MODEL"]) {
            Some("TABLE") => {
                let if_exists = self.if_exists();
                let name = self.name("the name of the table")?;
                Ok(StatementKind::AlterTable(AlterTable {
                    name,
                    if_exists,
                    change: self.table_change()?,
                }))
            }
            Some("VIEW") => {
                let name = self.name("the name of the view")?;
                let change = if self.eat_words(&["RENAME", "TO"]) {
                    ViewChange::Rename(self.name("the new name")?)
                } else if self.eat_word("AS") {
                    ViewChange::As(self.query()?)
                } else {
                    return Err(self.unexpected("RENAME TO or AS"));
                };
                Ok(StatementKind::AlterView(AlterView { name, change }))
            }
            Some(_) => {
                let if_exists = self.if_exists();
                let name = self.name("the name of the model")?;
                let change = if self.eat_words(&["RENAME", "TO"]) {
                    ModelChange::Rename(self.name("the new name")?)
                } else if self.eat_word("SET") {
                    ModelChange::SetOptions(self.options()?)
                } else if self.eat_word("RESET") {
                    ModelChange::ResetOptions(self.option_keys()?)
                } else {
                    return Err(self.unexpected("RENAME TO, SET or RESET"));
                };
                Ok(StatementKind::AlterModel(AlterModel {
                    name,
                    if_exists,
                    change,
                }))
            }
            None => {
                for word in [
                    "CATALOG",
                    "DATABASE",
                    "CONNECTION",
                    "FUNCTION",
                    "TEMPORARY",
                    "MATERIALIZED",
                ] {
                    if self.is_word(word) {
                        return Err(self.not_supported(&format!("ALTER {word}")));
                    }
                }
                Err(self.unexpected("TABLE, VIEW or MODEL"))
            }
        }
    }

    fn table_change(&mut self) -> Parsed<TableChange> {
        if self.eat_word("RENAME") {
            if self.eat_word("TO") {
                return Ok(TableChange::RenameTable(self.name("the new name")?));
            }
            let from = self.dotted("a column")?;
            self.expect_word("TO")?;
            return Ok(TableChange::RenameColumn {
                from,
                to: self.dotted("the new name")?,
            });
        }
        if self.eat_word("SET") {
            return Ok(TableChange::SetOptions(self.options()?));
        }
        if self.eat_word("RESET") {
            return Ok(TableChange::ResetOptions(self.option_keys()?));
        }
        if let Some(word) = self.eat_one_of(&["ADD", "MODIFY"]) {
            for refused in ["PARTITION", "DISTRIBUTION", "IF"] {
                if self.is_word(refused) {
                    return Err(self.not_supported(&format!("ALTER TABLE {word} {refused}")));
                }
            }
            let mut elements = Elements::default();
            if self.eat_symbol("(") {
                elements = self.table_elements(true)?;
            } else {
                self.table_element(&mut elements, true)?;
            }
            let change = SchemaChange {
                columns: elements.columns,
                watermark: elements.watermark,
                primary_key: elements.primary_key,
            };
            return Ok(if word == "ADD" {
                TableChange::Add(change)
            } else {
                TableChange::Modify(change)
            });
        }
        if self.eat_word("DROP") {
            if self.eat_word("CONSTRAINT") {
                return Ok(TableChange::DropConstraint(
                    self.ident("the name of the constraint")?,
                ));
            }
            if self.eat_words(&["PRIMARY", "KEY"]) {
                return Ok(TableChange::DropPrimaryKey);
            }
            if self.eat_word("WATERMARK") {
                return Ok(TableChange::DropWatermark);
            }
            for refused in ["PARTITION", "DISTRIBUTION", "IF"] {
                if self.is_word(refused) {
                    return Err(self.not_supported(&format!("ALTER TABLE DROP {refused}")));
                }
            }
            let columns: Vec<Name> = if self.eat_symbol("(") {
                let columns = self.comma_separated(|p| p.dotted("a column"))?;
                self.expect_symbol(")")?;
                columns
            } else {
                vec![self.dotted("a column, CONSTRAINT, PRIMARY KEY or WATERMARK")?]
            };
            return Ok(TableChange::DropColumns(columns));
        }
        if self.kind(0) == Some(&TokenKind::Word) && self.is_word("COMPACT") {
            return Err(self.not_supported("ALTER TABLE COMPACT"));
        }
        Err(self.unexpected("RENAME, SET, RESET, ADD, MODIFY or DROP"))
    }
}
