//! Statements back to text, in one canonical form that parses to the same statement.
//!
//! The form is close to what Flink's own parser unparses: names in backticks, functions and
//! keywords in capitals, a clause a line, the elements of a table a line each. It is for
//! comparing, showing and exporting; [`format`](super::format) is what people read. Parentheses
//! are those of the tree, never more.

use std::fmt::{self, Display, Write};

use datafusion_sql::sqlparser::ast::{
    AccessExpr, AfterMatchSkip, BinaryOperator, DataType, DateTimeField, Distinct,
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, JoinConstraint, JoinOperator,
    LimitClause, MatchRecognizePattern, MatchRecognizeSymbol, NamedWindowExpr, NullTreatment,
    ObjectName, OrderByExpr, OrderByKind, Query as AstQuery, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, SetQuantifier, Subscript,
    SymbolDefinition, TableAlias, TableFactor, TableVersion, TableWithJoins, TrimWhereField,
    UnaryOperator, Value, Values, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::keywords::quote_text;
use super::markers;
use super::match_recognize::WITHIN;
use super::statement::{
    AlterModel, AlterTable, AlterView, Column, ColumnKind, ColumnPosition, CreateFunction,
    CreateModel, CreateTable, CreateView, Describe, Distribution, DistributionKind, Drop, Explain,
    ExplainDetail, Insert, Language, Like, LikeFeature, LikeMerging, ModelChange, ModelColumn,
    Name, ObjectKind, PrimaryKey, Query, ResourceKind, SchemaChange, Script, Show, ShowList,
    ShowPreposition, Statement, StatementKind, TableChange, TableHint, TableOption, ViewChange,
    Watermark,
};

/// An expression in canonical form.
pub fn unparse_expr(expr: &Expr) -> String {
    let mut printer = Printer::default();
    printer.expr(expr);
    printer.out
}

/// A query in canonical form, without its hints.
pub fn unparse_query(query: &AstQuery) -> String {
    let mut printer = Printer::default();
    printer.query(query);
    printer.out
}

impl Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for statement in &self.statements {
            writeln!(f, "{statement};")?;
        }
        Ok(())
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Display for StatementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer::default();
        printer.statement(self);
        f.write_str(&printer.out)
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer::with_hints(&self.hints);
        printer.query(&self.ast);
        f.write_str(&printer.out)
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer::default();
        printer.idents(&self.parts, ".");
        f.write_str(&printer.out)
    }
}

#[derive(Default)]
struct Printer<'a> {
    out: String,
    /// The hints of the query that is being written, in the order of their tables.
    hints: std::slice::Iter<'a, TableHint>,
}

impl<'a> Printer<'a> {
    fn with_hints(hints: &'a [TableHint]) -> Self {
        Self {
            out: String::new(),
            hints: hints.iter(),
        }
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn show(&mut self, value: impl Display) {
        // Writing to a String does not fail.
        let _ = write!(self.out, "{value}");
    }

    fn list<T>(&mut self, items: &[T], separator: &str, mut item: impl FnMut(&mut Self, &T)) {
        for (i, value) in items.iter().enumerate() {
            if i > 0 {
                self.put(separator);
            }
            item(self, value);
        }
    }

    fn ident(&mut self, ident: &Ident) {
        let quoted = format!("`{}`", ident.value.replace('`', "``"));
        self.put(&quoted);
    }

    fn idents(&mut self, idents: &[Ident], separator: &str) {
        self.list(idents, separator, Self::ident);
    }

    fn name(&mut self, name: &Name) {
        self.idents(&name.parts, ".");
    }

    fn object_name(&mut self, name: &ObjectName) {
        self.list(&name.0, ".", |p, part| match part.as_ident() {
            Some(ident) => p.ident(ident),
            None => p.show(part),
        });
    }

    fn text(&mut self, text: &str) {
        self.put(&quote_text(text));
    }

    // Statements

    fn statement(&mut self, statement: &StatementKind) {
        match statement {
            StatementKind::Set(set) => {
                self.put("SET");
                if let Some(option) = &set.option {
                    self.put(" ");
                    self.option(option);
                }
            }
            StatementKind::Reset(reset) => {
                self.put("RESET");
                if let Some(key) = &reset.key {
                    self.put(" ");
                    self.text(key);
                }
            }
            StatementKind::CreateTable(table) => self.create_table(table),
            StatementKind::CreateView(view) => self.create_view(view),
            StatementKind::CreateModel(model) => self.create_model(model),
            StatementKind::CreateFunction(function) => self.create_function(function),
            StatementKind::Drop(drop) => self.drop_object(drop),
            StatementKind::AlterTable(alter) => self.alter_table(alter),
            StatementKind::AlterView(AlterView { name, change }) => {
                self.put("ALTER VIEW ");
                self.name(name);
                match change {
                    ViewChange::Rename(to) => {
                        self.put(" RENAME TO ");
                        self.name(to);
                    }
                    ViewChange::As(query) => {
                        self.put("\nAS\n");
                        self.show(query);
                    }
                }
            }
            StatementKind::AlterModel(alter) => self.alter_model(alter),
            StatementKind::Insert(insert) => self.insert(insert),
            StatementKind::StatementSet(inserts) => {
                self.put("EXECUTE ");
                self.statement_set(inserts);
            }
            StatementKind::Query(query) => self.show(query),
            StatementKind::Explain(explain) => self.explain(explain),
            StatementKind::Show(show) => self.show_statement(show),
            StatementKind::Describe(Describe {
                kind,
                extended,
                name,
            }) => {
                self.put("DESCRIBE ");
                if *kind != ObjectKind::Table {
                    self.put(object_word(*kind));
                    self.put(" ");
                }
                if *extended {
                    self.put("EXTENDED ");
                }
                self.name(name);
            }
            StatementKind::Use(use_) => {
                self.put(if use_.catalog { "USE CATALOG " } else { "USE " });
                self.name(&use_.name);
            }
        }
    }

    fn statement_set(&mut self, inserts: &[Insert]) {
        self.put("STATEMENT SET BEGIN\n");
        for insert in inserts {
            self.insert(insert);
            self.put("\n;\n");
        }
        self.put("END");
    }

    fn option(&mut self, option: &TableOption) {
        self.text(&option.key);
        self.put(" = ");
        self.text(&option.value);
    }

    /// `(`, an option a line, `)`.
    fn options(&mut self, options: &[TableOption]) {
        self.put("(\n");
        self.list(options, ",\n", |p, option| {
            p.put("  ");
            p.option(option);
        });
        self.put("\n)");
    }

    fn with(&mut self, options: &[TableOption]) {
        if !options.is_empty() {
            self.put("\nWITH ");
            self.options(options);
        }
    }

    fn comment(&mut self, comment: Option<&String>, before: &str) {
        if let Some(comment) = comment {
            self.put(before);
            self.put("COMMENT ");
            self.text(comment);
        }
    }

    fn create(&mut self, temporary: bool, what: &str, if_not_exists: bool, name: &Name) {
        self.put("CREATE ");
        if temporary {
            self.put("TEMPORARY ");
        }
        self.put(what);
        self.put(if if_not_exists {
            " IF NOT EXISTS "
        } else {
            " "
        });
        self.name(name);
    }

    fn create_table(&mut self, table: &CreateTable) {
        self.create(table.temporary, "TABLE", table.if_not_exists, &table.name);
        let columns: Vec<_> = table.columns.iter().map(|column| (column, None)).collect();
        self.elements(
            &columns,
            table.primary_key.as_ref(),
            table.watermark.as_ref(),
            " ",
        );
        self.comment(table.comment.as_ref(), "\n");
        if let Some(distribution) = &table.distribution {
            self.distribution(distribution);
        }
        if !table.partitioned_by.is_empty() {
            self.put("\nPARTITIONED BY (");
            self.idents(&table.partitioned_by, ", ");
            self.put(")");
        }
        self.with(&table.options);
        if let Some(like) = &table.like {
            self.like(like);
        }
    }

    /// The columns and constraints of a table in parentheses, or nothing.
    fn elements(
        &mut self,
        columns: &[(&Column, Option<&ColumnPosition>)],
        primary_key: Option<&PrimaryKey>,
        watermark: Option<&Watermark>,
        before: &str,
    ) {
        if columns.is_empty() && primary_key.is_none() && watermark.is_none() {
            return;
        }
        self.put(before);
        self.put("(\n");
        let mut separator = "  ";
        for (column, position) in columns {
            self.put(separator);
            separator = ",\n  ";
            self.column(column);
            match position {
                Some(ColumnPosition::First) => self.put(" FIRST"),
                Some(ColumnPosition::After(other)) => {
                    self.put(" AFTER ");
                    self.ident(other);
                }
                None => {}
            }
        }
        if let Some(key) = primary_key {
            self.put(separator);
            separator = ",\n  ";
            if let Some(name) = &key.name {
                self.put("CONSTRAINT ");
                self.ident(name);
                self.put(" ");
            }
            self.put("PRIMARY KEY (");
            self.idents(&key.columns, ", ");
            self.put(") NOT ENFORCED");
        }
        if let Some(watermark) = watermark {
            self.put(separator);
            self.put("WATERMARK FOR ");
            self.idents(&watermark.column, ".");
            self.put(" AS ");
            self.expr(&watermark.expr);
        }
        self.put("\n)");
    }

    fn column(&mut self, column: &Column) {
        self.ident(&Ident::new(&column.name));
        match &column.kind {
            ColumnKind::Physical { ty, .. } => {
                self.put(" ");
                self.show(ty);
            }
            ColumnKind::Computed { expr, .. } => {
                self.put(" AS ");
                self.expr(expr);
            }
            ColumnKind::Metadata {
                ty, from, virtual_, ..
            } => {
                self.put(" ");
                self.show(ty);
                self.put(" METADATA");
                if let Some(key) = from {
                    self.put(" FROM ");
                    self.text(key);
                }
                if *virtual_ {
                    self.put(" VIRTUAL");
                }
            }
        }
        self.comment(column.comment.as_ref(), " ");
    }

    fn distribution(&mut self, distribution: &Distribution) {
        self.put("\nDISTRIBUTED");
        if !distribution.columns.is_empty() {
            self.put(" BY ");
            self.put(match distribution.kind {
                Some(DistributionKind::Hash) => "HASH",
                Some(DistributionKind::Range) => "RANGE",
                None => "",
            });
            self.put("(");
            self.idents(&distribution.columns, ", ");
            self.put(")");
        }
        if let Some(buckets) = distribution.buckets {
            self.show(format_args!(" INTO {buckets} BUCKETS"));
        }
    }

    fn like(&mut self, like: &Like) {
        self.put("\nLIKE ");
        self.name(&like.table);
        if like.options.is_empty() {
            return;
        }
        self.put(" (\n");
        self.list(&like.options, "\n", |p, option| {
            p.put(match option.merging {
                LikeMerging::Including => "  INCLUDING ",
                LikeMerging::Excluding => "  EXCLUDING ",
                LikeMerging::Overwriting => "  OVERWRITING ",
            });
            p.put(match option.feature {
                LikeFeature::All => "ALL",
                LikeFeature::Constraints => "CONSTRAINTS",
                LikeFeature::Distribution => "DISTRIBUTION",
                LikeFeature::Generated => "GENERATED",
                LikeFeature::Metadata => "METADATA",
                LikeFeature::Options => "OPTIONS",
                LikeFeature::Partitions => "PARTITIONS",
                LikeFeature::Watermarks => "WATERMARKS",
            });
        });
        self.put("\n)");
    }

    fn create_view(&mut self, view: &CreateView) {
        self.create(view.temporary, "VIEW", view.if_not_exists, &view.name);
        if !view.columns.is_empty() {
            self.put(" (");
            self.idents(&view.columns, ", ");
            self.put(")");
        }
        self.comment(view.comment.as_ref(), "\n");
        self.put("\nAS\n");
        self.show(&view.query);
    }

    fn create_model(&mut self, model: &CreateModel) {
        self.create(model.temporary, "MODEL", model.if_not_exists, &model.name);
        self.model_columns(" INPUT", &model.inputs);
        self.model_columns(" OUTPUT", &model.outputs);
        self.comment(model.comment.as_ref(), "\n");
        self.with(&model.options);
    }

    fn model_columns(&mut self, word: &str, columns: &[ModelColumn]) {
        if columns.is_empty() {
            return;
        }
        self.put(word);
        self.put(" (\n");
        self.list(columns, ",\n", |p, column| {
            p.put("  ");
            p.ident(&Ident::new(&column.name));
            p.put(" ");
            p.show(&column.ty);
            p.comment(column.comment.as_ref(), " ");
        });
        self.put("\n)");
    }

    fn create_function(&mut self, function: &CreateFunction) {
        let what = if function.system {
            "SYSTEM FUNCTION"
        } else {
            "FUNCTION"
        };
        self.create(
            function.temporary,
            what,
            function.if_not_exists,
            &function.name,
        );
        self.put(" AS ");
        self.text(&function.identifier);
        if let Some(language) = function.language {
            self.put(match language {
                Language::Java => " LANGUAGE JAVA",
                Language::Scala => " LANGUAGE SCALA",
                Language::Python => " LANGUAGE PYTHON",
            });
        }
        if !function.resources.is_empty() {
            self.put(" USING ");
            self.list(&function.resources, ", ", |p, resource| {
                p.put(match resource.kind {
                    ResourceKind::Jar => "JAR ",
                    ResourceKind::Artifact => "ARTIFACT ",
                });
                p.text(&resource.path);
            });
        }
    }

    fn drop_object(&mut self, drop: &Drop) {
        self.put("DROP ");
        if drop.temporary {
            self.put("TEMPORARY ");
        }
        if drop.system {
            self.put("SYSTEM ");
        }
        self.put(object_word(drop.kind));
        self.put(if drop.if_exists { " IF EXISTS " } else { " " });
        self.name(&drop.name);
    }

    fn alter_table(&mut self, alter: &AlterTable) {
        self.put("ALTER TABLE ");
        if alter.if_exists {
            self.put("IF EXISTS ");
        }
        self.name(&alter.name);
        match &alter.change {
            TableChange::RenameTable(to) => {
                self.put(" RENAME TO ");
                self.name(to);
            }
            TableChange::RenameColumn { from, to } => {
                self.put(" RENAME ");
                self.name(from);
                self.put(" TO ");
                self.name(to);
            }
            TableChange::SetOptions(options) => {
                self.put(" SET ");
                self.options(options);
            }
            TableChange::ResetOptions(keys) => self.reset(keys),
            TableChange::Add(change) => self.schema_change(" ADD", change),
            TableChange::Modify(change) => self.schema_change(" MODIFY", change),
            TableChange::DropColumns(columns) => {
                self.put(" DROP (\n");
                self.list(columns, ",\n", |p, column| {
                    p.put("  ");
                    p.name(column);
                });
                self.put("\n)");
            }
            TableChange::DropConstraint(name) => {
                self.put(" DROP CONSTRAINT ");
                self.ident(name);
            }
            TableChange::DropPrimaryKey => self.put(" DROP PRIMARY KEY"),
            TableChange::DropWatermark => self.put(" DROP WATERMARK"),
        }
    }

    fn schema_change(&mut self, word: &str, change: &SchemaChange) {
        self.put(word);
        let columns: Vec<_> = change
            .columns
            .iter()
            .map(|(column, position)| (column, position.as_ref()))
            .collect();
        self.elements(
            &columns,
            change.primary_key.as_ref(),
            change.watermark.as_ref(),
            " ",
        );
    }

    fn reset(&mut self, keys: &[String]) {
        self.put(" RESET (\n");
        self.list(keys, ",\n", |p, key| {
            p.put("  ");
            p.text(key);
        });
        self.put("\n)");
    }

    fn alter_model(&mut self, alter: &AlterModel) {
        self.put("ALTER MODEL ");
        if alter.if_exists {
            self.put("IF EXISTS ");
        }
        self.name(&alter.name);
        match &alter.change {
            ModelChange::Rename(to) => {
                self.put(" RENAME TO ");
                self.name(to);
            }
            ModelChange::SetOptions(options) => {
                self.put(" SET ");
                self.options(options);
            }
            ModelChange::ResetOptions(keys) => self.reset(keys),
        }
    }

    fn insert(&mut self, insert: &Insert) {
        self.put(if insert.overwrite {
            "INSERT OVERWRITE "
        } else {
            "INSERT INTO "
        });
        self.name(&insert.target);
        if let Some(hint) = &insert.hint {
            self.hint(hint);
        }
        if !insert.partition.is_empty() {
            self.put(" PARTITION (");
            self.list(&insert.partition, ", ", |p, (column, value)| {
                p.ident(column);
                p.put(" = ");
                p.expr(value);
            });
            self.put(")");
        }
        if let Some(columns) = &insert.columns {
            self.put("\n(");
            self.idents(columns, ", ");
            self.put(")");
        }
        self.put("\n");
        self.show(&insert.query);
        if insert.deduplicate {
            self.put("\nON CONFLICT DO DEDUPLICATE");
        }
    }

    fn hint(&mut self, hint: &TableHint) {
        self.put(" /*+ OPTIONS(");
        self.list(&hint.options, ", ", Self::option);
        self.put(") */");
    }

    fn explain(&mut self, explain: &Explain) {
        self.put("EXPLAIN ");
        self.list(&explain.details, ", ", |p, detail| {
            p.put(match detail {
                ExplainDetail::EstimatedCost => "ESTIMATED_COST",
                ExplainDetail::ChangelogMode => "CHANGELOG_MODE",
                ExplainDetail::PlanAdvice => "PLAN_ADVICE",
                ExplainDetail::JsonExecutionPlan => "JSON_EXECUTION_PLAN",
            });
        });
        if !explain.details.is_empty() {
            self.put(" ");
        }
        match &explain.statement.kind {
            StatementKind::StatementSet(inserts) => self.statement_set(inserts),
            other => self.statement(other),
        }
    }

    fn show_statement(&mut self, show: &Show) {
        self.put("SHOW ");
        match show {
            Show::Create { kind, name } => {
                self.put("CREATE ");
                self.put(object_word(*kind));
                self.put(" ");
                self.name(name);
            }
            Show::List {
                what,
                within,
                pattern,
            } => {
                self.put(match what {
                    ShowList::Catalogs => "CATALOGS",
                    ShowList::Columns => "COLUMNS",
                    ShowList::CurrentCatalog => "CURRENT CATALOG",
                    ShowList::CurrentDatabase => "CURRENT DATABASE",
                    ShowList::Databases => "DATABASES",
                    ShowList::Functions => "FUNCTIONS",
                    ShowList::UserFunctions => "USER FUNCTIONS",
                    ShowList::Jobs => "JOBS",
                    ShowList::Models => "MODELS",
                    ShowList::Modules => "MODULES",
                    ShowList::FullModules => "FULL MODULES",
                    ShowList::Procedures => "PROCEDURES",
                    ShowList::Tables => "TABLES",
                    ShowList::Views => "VIEWS",
                });
                if let Some((preposition, name)) = within {
                    self.put(match preposition {
                        ShowPreposition::From => " FROM ",
                        ShowPreposition::In => " IN ",
                    });
                    self.name(name);
                }
                if let Some(pattern) = pattern {
                    self.put(if pattern.negated { " NOT" } else { "" });
                    self.put(if pattern.ignore_case {
                        " ILIKE "
                    } else {
                        " LIKE "
                    });
                    self.text(&pattern.pattern);
                }
            }
        }
    }

    // Queries

    fn query(&mut self, query: &AstQuery) {
        if let Some(with) = &query.with {
            self.put("WITH ");
            self.list(&with.cte_tables, ",\n", |p, cte| {
                p.ident(&cte.alias.name);
                p.alias_columns(&cte.alias);
                p.put(" AS (");
                p.query(&cte.query);
                p.put(")");
            });
            self.put("\n");
        }
        self.set_expr(&query.body);
        if let Some(order_by) = &query.order_by {
            match &order_by.kind {
                OrderByKind::Expressions(items) => {
                    self.put("\nORDER BY ");
                    self.list(items, ", ", Self::order_by);
                }
                OrderByKind::All(_) => self.show(format_args!("\n{order_by}")),
            }
        }
        match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                if let Some(limit) = limit {
                    self.put("\nLIMIT ");
                    self.expr(limit);
                }
                if let Some(offset) = offset {
                    self.put("\nOFFSET ");
                    self.expr(&offset.value);
                    self.put(" ROWS");
                }
            }
            Some(other) => self.show(other),
            None => {}
        }
    }

    fn set_expr(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => {
                self.put("(");
                self.query(query);
                self.put(")");
            }
            SetExpr::Values(values) => self.values(values),
            SetExpr::SetOperation {
                op,
                set_quantifier,
                left,
                right,
            } => {
                self.set_expr(left);
                self.put(match op {
                    SetOperator::Union => "\nUNION",
                    SetOperator::Except | SetOperator::Minus => "\nEXCEPT",
                    SetOperator::Intersect => "\nINTERSECT",
                });
                self.put(match set_quantifier {
                    SetQuantifier::All => " ALL\n",
                    _ => "\n",
                });
                self.set_expr(right);
            }
            other => self.show(other),
        }
    }

    fn values(&mut self, values: &Values) {
        self.put("VALUES ");
        self.list(&values.rows, ", ", |p, row| {
            p.put("(");
            p.list(&row.content, ", ", Self::expr);
            p.put(")");
        });
    }

    fn select(&mut self, select: &Select) {
        self.put("SELECT ");
        if !select.optimizer_hints.is_empty() {
            self.put("/*+ ");
            self.list(&select.optimizer_hints, ", ", |p, hint| p.put(&hint.text));
            self.put(" */ ");
        }
        if let Some(Distinct::Distinct) = select.distinct {
            self.put("DISTINCT ");
        }
        self.list(&select.projection, ", ", |p, item| match item {
            SelectItem::UnnamedExpr(expr) => p.expr(expr),
            SelectItem::ExprWithAlias { expr, alias } => {
                p.expr(expr);
                p.put(" AS ");
                p.ident(alias);
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                p.object_name(name);
                p.put(".*");
            }
            SelectItem::Wildcard(_) => p.put("*"),
            other => p.show(other),
        });
        if !select.from.is_empty() {
            self.put("\nFROM ");
            self.list(&select.from, ",\n", Self::joined_tables);
        }
        if let Some(condition) = &select.selection {
            self.put("\nWHERE ");
            self.expr(condition);
        }
        if let GroupByExpr::Expressions(groups, _) = &select.group_by
            && !groups.is_empty()
        {
            self.put("\nGROUP BY ");
            self.list(groups, ", ", Self::expr);
        }
        if let Some(condition) = &select.having {
            self.put("\nHAVING ");
            self.expr(condition);
        }
        if !select.named_window.is_empty() {
            self.put("\nWINDOW ");
            self.list(&select.named_window, ", ", |p, window| {
                p.ident(&window.0);
                p.put(" AS ");
                match &window.1 {
                    NamedWindowExpr::WindowSpec(spec) => p.window_spec(spec),
                    NamedWindowExpr::NamedWindow(name) => p.ident(name),
                }
            });
        }
        if let Some(condition) = &select.qualify {
            self.put("\nQUALIFY ");
            self.expr(condition);
        }
    }

    fn joined_tables(&mut self, tables: &TableWithJoins) {
        self.table_factor(&tables.relation);
        for join in &tables.joins {
            let (word, constraint) = match &join.join_operator {
                JoinOperator::Join(c) | JoinOperator::Inner(c) => ("INNER JOIN ", c),
                JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("LEFT JOIN ", c),
                JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("RIGHT JOIN ", c),
                JoinOperator::FullOuter(c) => ("FULL JOIN ", c),
                JoinOperator::CrossJoin(c) => ("CROSS JOIN ", c),
                _ => {
                    self.show(join);
                    continue;
                }
            };
            self.put("\n");
            if *constraint == JoinConstraint::Natural {
                self.put("NATURAL ");
            }
            self.put(word);
            self.table_factor(&join.relation);
            match constraint {
                JoinConstraint::On(condition) => {
                    self.put(" ON ");
                    self.expr(condition);
                }
                JoinConstraint::Using(columns) => {
                    self.put(" USING (");
                    self.list(columns, ", ", Self::object_name);
                    self.put(")");
                }
                JoinConstraint::Natural | JoinConstraint::None => {}
            }
        }
    }

    fn table_factor(&mut self, factor: &TableFactor) {
        let alias = match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                version,
                ..
            } => {
                self.object_name(name);
                if let Some(args) = args {
                    self.put("(");
                    self.list(&args.args, ", ", Self::argument);
                    self.put(")");
                } else if let Some(hint) = self.hint_of(name) {
                    self.hint(hint);
                }
                if let Some(TableVersion::ForSystemTimeAsOf(time)) = version {
                    self.put(" FOR SYSTEM_TIME AS OF ");
                    self.expr(time);
                }
                alias
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                ..
            } => {
                self.put(if *lateral { "LATERAL (" } else { "(" });
                self.query(subquery);
                self.put(")");
                alias
            }
            TableFactor::TableFunction { expr, alias } => {
                self.put("TABLE(");
                match expr {
                    Expr::Function(function) => {
                        self.object_name(&function.name);
                        self.arguments(&function.args);
                    }
                    other => self.expr(other),
                }
                self.put(")");
                alias
            }
            TableFactor::Function {
                name, args, alias, ..
            } => {
                self.put("LATERAL TABLE(");
                self.object_name(name);
                self.put("(");
                self.list(args, ", ", Self::argument);
                self.put("))");
                alias
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_ordinality,
                ..
            } => {
                self.put("UNNEST(");
                self.list(array_exprs, ", ", Self::expr);
                self.put(if *with_ordinality {
                    ") WITH ORDINALITY"
                } else {
                    ")"
                });
                alias
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                self.put("(");
                self.joined_tables(table_with_joins);
                self.put(")");
                alias
            }
            TableFactor::MatchRecognize { alias, .. } => {
                self.match_recognize(factor);
                alias
            }
            other => return self.show(other),
        };
        if let Some(alias) = alias {
            self.put(" AS ");
            self.ident(&alias.name);
            self.alias_columns(alias);
        }
    }

    fn match_recognize(&mut self, factor: &TableFactor) {
        let TableFactor::MatchRecognize {
            table,
            partition_by,
            order_by,
            measures,
            rows_per_match,
            after_match_skip,
            pattern,
            symbols,
            ..
        } = factor
        else {
            return;
        };
        self.table_factor(table);
        self.put(" MATCH_RECOGNIZE (");
        if !partition_by.is_empty() {
            self.put("\nPARTITION BY ");
            self.list(partition_by, ", ", Self::expr);
        }
        if !order_by.is_empty() {
            self.put("\nORDER BY ");
            self.list(order_by, ", ", |p, by| {
                p.expr(&by.expr);
                if by.options.asc == Some(false) {
                    p.put(" DESC");
                }
            });
        }
        if !measures.is_empty() {
            self.put("\nMEASURES ");
            self.list(measures, ", ", |p, measure| {
                p.expr(&measure.expr);
                p.put(" AS ");
                p.ident(&measure.alias);
            });
        }
        if rows_per_match.is_some() {
            self.put("\nONE ROW PER MATCH");
        }
        if let Some(skip) = after_match_skip {
            self.put("\nAFTER MATCH SKIP ");
            match skip {
                AfterMatchSkip::PastLastRow => self.put("PAST LAST ROW"),
                AfterMatchSkip::ToNextRow => self.put("TO NEXT ROW"),
                AfterMatchSkip::ToFirst(symbol) => {
                    self.put("TO FIRST ");
                    self.ident(symbol);
                }
                AfterMatchSkip::ToLast(symbol) => {
                    self.put("TO LAST ");
                    self.ident(symbol);
                }
            }
        }
        self.put("\nPATTERN (");
        self.pattern(pattern);
        self.put(")");
        let within = |symbol: &&SymbolDefinition| symbol.symbol.value == WITHIN;
        if let Some(interval) = symbols.iter().find(within) {
            self.put(" WITHIN ");
            self.expr(&interval.definition);
        }
        let defined: Vec<&SymbolDefinition> = symbols.iter().filter(|s| !within(s)).collect();
        if !defined.is_empty() {
            self.put("\nDEFINE ");
            self.list(&defined, ", ", |p, symbol| {
                p.ident(&symbol.symbol);
                p.put(" AS ");
                p.expr(&symbol.definition);
            });
        }
        self.put("\n)");
    }

    fn pattern(&mut self, pattern: &MatchRecognizePattern) {
        match pattern {
            MatchRecognizePattern::Symbol(MatchRecognizeSymbol::Named(symbol)) => {
                self.ident(symbol);
            }
            MatchRecognizePattern::Concat(parts) => self.list(parts, " ", Self::pattern),
            MatchRecognizePattern::Alternation(parts) => self.list(parts, " | ", Self::pattern),
            MatchRecognizePattern::Group(inner) => {
                self.put("(");
                self.pattern(inner);
                self.put(")");
            }
            MatchRecognizePattern::Repetition(inner, quantifier) => {
                self.pattern(inner);
                self.put(&quantifier.to_string());
            }
            other => self.show(other),
        }
    }

    /// The next hint, if it is of this table: hints stand in the order of their tables.
    fn hint_of(&mut self, name: &ObjectName) -> Option<&'a TableHint> {
        let next = self.hints.as_slice().first()?;
        let table = name.0.last()?.as_ident()?;
        let same_place = next
            .table
            .parts
            .last()
            .is_some_and(|part| part.span == table.span);
        if same_place { self.hints.next() } else { None }
    }

    fn alias_columns(&mut self, alias: &TableAlias) {
        if !alias.columns.is_empty() {
            self.put(" (");
            self.list(&alias.columns, ", ", |p, column| p.ident(&column.name));
            self.put(")");
        }
    }

    fn order_by(&mut self, item: &OrderByExpr) {
        self.expr(&item.expr);
        // ASC is the default.
        if item.options.asc == Some(false) {
            self.put(" DESC");
        }
        match item.options.nulls_first {
            Some(true) => self.put(" NULLS FIRST"),
            Some(false) => self.put(" NULLS LAST"),
            None => {}
        }
    }

    // Expressions

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Identifier(ident) => self.ident(ident),
            Expr::CompoundIdentifier(parts) => self.idents(parts, "."),
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.expr(root);
                for access in access_chain {
                    match access {
                        AccessExpr::Dot(field) => {
                            self.put(".");
                            self.expr(field);
                        }
                        AccessExpr::Subscript(Subscript::Index { index }) => {
                            self.put("[");
                            self.expr(index);
                            self.put("]");
                        }
                        AccessExpr::Subscript(slice) => self.show(slice),
                    }
                }
            }
            Expr::Value(value) => self.value(&value.value),
            Expr::TypedString(typed) => {
                self.put(match typed.data_type {
                    DataType::Date => "DATE ",
                    DataType::Time(..) => "TIME ",
                    _ => "TIMESTAMP ",
                });
                self.value(&typed.value.value);
            }
            Expr::Interval(interval) => {
                self.interval(&interval.value, interval.leading_field.as_ref())
            }
            Expr::Nested(expr) => {
                self.put("(");
                self.expr(expr);
                self.put(")");
            }
            Expr::Tuple(items) => {
                self.put("(");
                self.list(items, ", ", Self::expr);
                self.put(")");
            }
            Expr::Array(array) => {
                self.put("ARRAY[");
                self.list(&array.elem, ", ", Self::expr);
                self.put("]");
            }
            Expr::UnaryOp { op, expr } => {
                self.put(match op {
                    UnaryOperator::Not => "NOT ",
                    UnaryOperator::Plus => "+",
                    _ => "-",
                });
                if matches!(**expr, Expr::UnaryOp { .. }) {
                    // Two minus signs would start a comment.
                    self.put(" ");
                }
                self.expr(expr);
            }
            Expr::BinaryOp { left, op, right } => {
                self.expr(left);
                self.put(" ");
                match op {
                    BinaryOperator::NotEq => self.put("<>"),
                    op => self.show(op),
                }
                self.put(" ");
                self.expr(right);
            }
            Expr::IsNull(e) => self.postfix(e, "IS NULL"),
            Expr::IsNotNull(e) => self.postfix(e, "IS NOT NULL"),
            Expr::IsTrue(e) => self.postfix(e, "IS TRUE"),
            Expr::IsNotTrue(e) => self.postfix(e, "IS NOT TRUE"),
            Expr::IsFalse(e) => self.postfix(e, "IS FALSE"),
            Expr::IsNotFalse(e) => self.postfix(e, "IS NOT FALSE"),
            Expr::IsUnknown(e) => self.postfix(e, "IS UNKNOWN"),
            Expr::IsNotUnknown(e) => self.postfix(e, "IS NOT UNKNOWN"),
            Expr::IsDistinctFrom(left, right) => {
                self.postfix(left, "IS DISTINCT FROM ");
                self.expr(right);
            }
            Expr::IsNotDistinctFrom(left, right) => {
                self.postfix(left, "IS NOT DISTINCT FROM ");
                self.expr(right);
            }
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                self.infix(expr, *negated, "BETWEEN");
                self.expr(low);
                self.put(" AND ");
                self.expr(high);
            }
            Expr::InList {
                expr,
                list,
                negated,
            } => {
                self.infix(expr, *negated, "IN");
                self.put("(");
                self.list(list, ", ", Self::expr);
                self.put(")");
            }
            Expr::AnyOp {
                left,
                compare_op,
                right,
                is_some,
            } => {
                let word = if *is_some { "SOME" } else { "ANY" };
                self.infix(left, false, &format!("{compare_op} {word}"));
                self.expr(right);
            }
            Expr::AllOp {
                left,
                compare_op,
                right,
            } => {
                self.infix(left, false, &format!("{compare_op} ALL"));
                self.expr(right);
            }
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } => {
                self.infix(expr, *negated, "IN");
                self.put("(");
                self.query(subquery);
                self.put(")");
            }
            Expr::Like {
                negated,
                expr,
                pattern,
                escape_char,
                ..
            } => {
                self.infix(expr, *negated, "LIKE");
                self.expr(pattern);
                self.escape(escape_char.as_ref().map(|v| &v.value));
            }
            Expr::SimilarTo {
                negated,
                expr,
                pattern,
                escape_char,
            } => {
                self.infix(expr, *negated, "SIMILAR TO");
                self.expr(pattern);
                self.escape(escape_char.as_ref().map(|v| &v.value));
            }
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                self.put("CASE");
                if let Some(operand) = operand {
                    self.put(" ");
                    self.expr(operand);
                }
                for when in conditions {
                    self.put(" WHEN ");
                    self.expr(&when.condition);
                    self.put(" THEN ");
                    self.expr(&when.result);
                }
                if let Some(result) = else_result {
                    self.put(" ELSE ");
                    self.expr(result);
                }
                self.put(" END");
            }
            Expr::Exists { subquery, negated } => {
                self.put(if *negated { "NOT EXISTS (" } else { "EXISTS (" });
                self.query(subquery);
                self.put(")");
            }
            Expr::Subquery(query) => {
                self.put("(");
                self.query(query);
                self.put(")");
            }
            Expr::Extract { field, expr, .. } => {
                self.show(format_args!("EXTRACT({field} FROM "));
                self.expr(expr);
                self.put(")");
            }
            Expr::Position { expr, r#in } => {
                self.put("POSITION(");
                self.expr(expr);
                self.put(" IN ");
                self.expr(r#in);
                self.put(")");
            }
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                self.put("SUBSTRING(");
                self.expr(expr);
                for (word, part) in [(" FROM ", substring_from), (" FOR ", substring_for)] {
                    if let Some(part) = part {
                        self.put(word);
                        self.expr(part);
                    }
                }
                self.put(")");
            }
            Expr::Overlay {
                expr,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                self.put("OVERLAY(");
                self.expr(expr);
                self.put(" PLACING ");
                self.expr(overlay_what);
                self.put(" FROM ");
                self.expr(overlay_from);
                if let Some(length) = overlay_for {
                    self.put(" FOR ");
                    self.expr(length);
                }
                self.put(")");
            }
            Expr::Trim {
                trim_where,
                trim_what,
                expr,
                ..
            } => {
                self.put("TRIM(");
                if let Some(side) = trim_where {
                    self.put(match side {
                        TrimWhereField::Both => "BOTH ",
                        TrimWhereField::Leading => "LEADING ",
                        TrimWhereField::Trailing => "TRAILING ",
                    });
                }
                if let Some(what) = trim_what {
                    self.expr(what);
                    self.put(" ");
                }
                if trim_where.is_some() || trim_what.is_some() {
                    self.put("FROM ");
                }
                self.expr(expr);
                self.put(")");
            }
            Expr::GroupingSets(sets) => self.grouping("GROUPING SETS", sets),
            Expr::Cube(sets) => self.grouping("CUBE", sets),
            Expr::Rollup(sets) => self.grouping("ROLLUP", sets),
            Expr::Function(function) => self.function(function),
            other => self.show(other),
        }
    }

    fn postfix(&mut self, expr: &Expr, test: &str) {
        self.expr(expr);
        self.put(" ");
        self.put(test);
    }

    fn infix(&mut self, expr: &Expr, negated: bool, word: &str) {
        self.expr(expr);
        self.put(if negated { " NOT " } else { " " });
        self.put(word);
        self.put(" ");
    }

    fn escape(&mut self, escape: Option<&Value>) {
        if let Some(escape) = escape {
            self.put(" ESCAPE ");
            self.value(escape);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Number(digits, _) => self.put(digits),
            Value::SingleQuotedString(text) => self.text(text),
            Value::HexStringLiteral(digits) => self.show(format_args!("X'{digits}'")),
            Value::Boolean(true) => self.put("TRUE"),
            Value::Boolean(false) => self.put("FALSE"),
            Value::Null => self.put("NULL"),
            other => self.show(other),
        }
    }

    /// With the number of leading digits where Flink's default of two does not do.
    fn interval(&mut self, value: &Expr, field: Option<&DateTimeField>) {
        self.put("INTERVAL ");
        self.expr(value);
        if let Some(field) = field {
            self.show(format_args!(" {field}"));
        }
        if let Expr::Value(value) = value
            && let Value::SingleQuotedString(text) = &value.value
        {
            let whole = text.split('.').next().unwrap_or_default();
            let digits = whole.trim_start_matches(['-', '+', '0']).len();
            if digits > 2 {
                self.show(format_args!("({digits})"));
            }
        }
    }

    fn grouping(&mut self, word: &str, sets: &[Vec<Expr>]) {
        self.put(word);
        self.put("(");
        self.list(sets, ", ", |p, set| {
            if let [single] = set.as_slice() {
                return p.expr(single);
            }
            p.put("(");
            p.list(set, ", ", Self::expr);
            p.put(")");
        });
        self.put(")");
    }

    fn function(&mut self, function: &Function) {
        let plain = match function.name.0.as_slice() {
            [part] => part.as_ident().filter(|ident| ident.quote_style.is_none()),
            _ => None,
        };
        match plain {
            Some(name) => {
                if name.value.starts_with("__") && self.marker(&name.value, function) {
                    return;
                }
                self.put(&name.value.to_uppercase());
            }
            None => self.object_name(&function.name),
        }
        self.arguments(&function.args);
        self.function_clauses(function);
    }

    fn function_clauses(&mut self, function: &Function) {
        match function.null_treatment {
            Some(NullTreatment::IgnoreNulls) => self.put(" IGNORE NULLS"),
            Some(NullTreatment::RespectNulls) => self.put(" RESPECT NULLS"),
            None => {}
        }
        if !function.within_group.is_empty() {
            self.put(" WITHIN GROUP (ORDER BY ");
            self.list(&function.within_group, ", ", Self::order_by);
            self.put(")");
        }
        if let Some(filter) = &function.filter {
            self.put(" FILTER (WHERE ");
            self.expr(filter);
            self.put(")");
        }
        match &function.over {
            Some(WindowType::WindowSpec(spec)) => {
                self.put(" OVER ");
                self.window_spec(spec);
            }
            Some(WindowType::NamedWindow(name)) => {
                self.put(" OVER ");
                self.ident(name);
            }
            None => {}
        }
    }

    fn arguments(&mut self, arguments: &FunctionArguments) {
        match arguments {
            FunctionArguments::None => {}
            FunctionArguments::Subquery(query) => {
                self.put("(");
                self.query(query);
                self.put(")");
            }
            FunctionArguments::List(list) => {
                self.put("(");
                if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
                    self.put("DISTINCT ");
                }
                self.list(&list.args, ", ", Self::argument);
                self.argument_clauses(list);
                self.put(")");
            }
        }
    }

    fn argument(&mut self, argument: &FunctionArg) {
        match argument {
            FunctionArg::Named { name, arg, .. } => {
                match name.quote_style {
                    Some(_) => self.ident(name),
                    None => self.put(&name.value.to_uppercase()),
                }
                self.put(" => ");
                self.argument_value(arg);
            }
            FunctionArg::Unnamed(arg) => self.argument_value(arg),
            FunctionArg::ExprNamed { .. } => self.show(argument),
        }
    }

    fn argument_value(&mut self, value: &FunctionArgExpr) {
        match value {
            FunctionArgExpr::Expr(expr) => self.expr(expr),
            FunctionArgExpr::Wildcard => self.put("*"),
            other => self.show(other),
        }
    }

    fn window_spec(&mut self, spec: &WindowSpec) {
        self.put("(");
        let mut separator = "";
        if let Some(name) = &spec.window_name {
            self.ident(name);
            separator = " ";
        }
        separator = self.partitioning(spec, separator);
        if let Some(frame) = &spec.window_frame {
            self.put(separator);
            self.put(match frame.units {
                WindowFrameUnits::Rows => "ROWS ",
                WindowFrameUnits::Range => "RANGE ",
                WindowFrameUnits::Groups => "GROUPS ",
            });
            match &frame.end_bound {
                Some(end) => {
                    self.put("BETWEEN ");
                    self.frame_bound(&frame.start_bound);
                    self.put(" AND ");
                    self.frame_bound(end);
                }
                None => self.frame_bound(&frame.start_bound),
            }
        }
        self.put(")");
    }

    fn partitioning(&mut self, spec: &WindowSpec, mut separator: &'static str) -> &'static str {
        if !spec.partition_by.is_empty() {
            self.put(separator);
            self.put("PARTITION BY ");
            self.list(&spec.partition_by, ", ", Self::expr);
            separator = " ";
        }
        if !spec.order_by.is_empty() {
            self.put(separator);
            self.put("ORDER BY ");
            self.list(&spec.order_by, ", ", Self::order_by);
            separator = " ";
        }
        separator
    }

    fn frame_bound(&mut self, bound: &WindowFrameBound) {
        match bound {
            WindowFrameBound::CurrentRow => self.put("CURRENT ROW"),
            WindowFrameBound::Preceding(distance) => {
                self.frame_distance(distance.as_deref(), " PRECEDING")
            }
            WindowFrameBound::Following(distance) => {
                self.frame_distance(distance.as_deref(), " FOLLOWING")
            }
        }
    }

    fn frame_distance(&mut self, distance: Option<&Expr>, side: &str) {
        match distance {
            Some(distance) => self.expr(distance),
            None => self.put("UNBOUNDED"),
        }
        self.put(side);
    }

    /// What stands behind the arguments of a call: `ORDER BY a`.
    fn argument_clauses(&mut self, list: &FunctionArgumentList) {
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(items) => {
                    self.put(" ORDER BY ");
                    self.list(items, ", ", Self::order_by);
                }
                other => self.show(format_args!(" {other}")),
            }
        }
    }

    /// Writes the syntax that a marker stands for; false if its arguments are not as documented.
    fn marker(&mut self, name: &str, function: &Function) -> bool {
        let FunctionArguments::List(list) = &function.args else {
            return false;
        };
        let args: Vec<&Expr> = list
            .args
            .iter()
            .filter_map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect();
        let text = |at: usize| match args.get(at) {
            Some(Expr::Value(value)) => match &value.value {
                Value::SingleQuotedString(text) => text.as_str(),
                _ => "",
            },
            _ => "",
        };
        match (name, args.as_slice()) {
            (markers::CAST | markers::TRY_CAST, [expr, _]) => {
                self.put(if name == markers::CAST {
                    "CAST("
                } else {
                    "TRY_CAST("
                });
                self.expr(expr);
                self.put(" AS ");
                self.put(text(1));
                self.put(")");
            }
            (markers::MAP, items) => {
                self.put("MAP[");
                self.list(items, ", ", |p, item| p.expr(item));
                self.put("]");
            }
            (markers::ROW, items) => {
                self.put("ROW(");
                self.list(items, ", ", |p, item| p.expr(item));
                self.put(")");
            }
            (markers::TABLE, [table]) => {
                if !matches!(table, Expr::Subquery(_)) {
                    self.put("TABLE ");
                }
                self.expr(table);
                if let Some(WindowType::WindowSpec(spec)) = &function.over {
                    // In parentheses a list; bare, Flink takes a single column.
                    if let [column] = spec.partition_by.as_slice() {
                        self.put(" PARTITION BY ");
                        self.expr(column);
                    } else if !spec.partition_by.is_empty() {
                        self.put(" PARTITION BY (");
                        self.list(&spec.partition_by, ", ", Self::expr);
                        self.put(")");
                    }
                    if !spec.order_by.is_empty() {
                        self.put(" ORDER BY (");
                        self.list(&spec.order_by, ", ", Self::order_by);
                        self.put(")");
                    }
                }
            }
            (markers::MODEL, [model]) => {
                self.put("MODEL ");
                self.expr(model);
            }
            (markers::FLOOR | markers::CEIL, [expr, _]) => {
                self.put(if name == markers::FLOOR {
                    "FLOOR("
                } else {
                    "CEIL("
                });
                self.expr(expr);
                self.put(" TO ");
                self.put(text(1));
                self.put(")");
            }
            (markers::TIMESTAMPADD | markers::TIMESTAMPDIFF, [_, first, second]) => {
                self.put(&name[2..].to_uppercase());
                self.put("(");
                self.put(text(0));
                self.put(", ");
                self.expr(first);
                self.put(", ");
                self.expr(second);
                self.put(")");
            }
            (markers::IS_JSON, [expr, _]) => {
                self.expr(expr);
                self.put(" IS JSON ");
                self.put(text(1));
            }
            (markers::LIKE, [expr, pattern, escape]) => {
                self.expr(expr);
                self.put(" LIKE ");
                self.expr(pattern);
                self.put(" ESCAPE ");
                self.expr(escape);
            }
            (markers::OVERLAPS, [a, b, c, d]) => {
                self.put("(");
                self.expr(a);
                self.put(", ");
                self.expr(b);
                self.put(") OVERLAPS (");
                self.expr(c);
                self.put(", ");
                self.expr(d);
                self.put(")");
            }
            (markers::JSON_EXISTS, [input, path, _]) => {
                self.json_start("JSON_EXISTS", input, path);
                self.json_on("FALSE", text(2), None, "ERROR");
                self.put(")");
            }
            (markers::JSON_VALUE, [input, path, _, _, empty, _, error]) => {
                self.json_start("JSON_VALUE", input, path);
                self.json_returning(text(2));
                self.json_on("NULL", text(3), Some(empty), "EMPTY");
                self.json_on("NULL", text(5), Some(error), "ERROR");
                self.put(")");
            }
            (markers::JSON_QUERY, [input, path, _, _, _, _]) => {
                self.json_start("JSON_QUERY", input, path);
                self.json_returning(text(2));
                if text(3) != "WITHOUT ARRAY" {
                    self.show(format_args!(" {} WRAPPER", text(3)));
                }
                self.json_on("NULL", text(4), None, "EMPTY");
                self.json_on("NULL", text(5), None, "ERROR");
                self.put(")");
            }
            (markers::JSON_OBJECT, [_, pairs @ ..]) => {
                self.put("JSON_OBJECT(");
                self.json_pairs(pairs);
                self.json_null(text(0), "NULL", pairs.is_empty());
                self.put(")");
            }
            (markers::JSON_ARRAY, [_, items @ ..]) => {
                self.put("JSON_ARRAY(");
                self.list(items, ", ", |p, item| p.expr(item));
                self.json_null(text(0), "ABSENT", items.is_empty());
                self.put(")");
            }
            (markers::JSON_OBJECTAGG, [_, pair @ ..]) => {
                self.put("JSON_OBJECTAGG(");
                self.json_pairs(pair);
                self.json_null(text(0), "NULL", false);
                self.put(")");
                self.function_clauses(function);
            }
            (markers::JSON_ARRAYAGG, [_, value]) => {
                self.put("JSON_ARRAYAGG(");
                self.expr(value);
                self.argument_clauses(list);
                self.json_null(text(0), "ABSENT", false);
                self.put(")");
                self.function_clauses(function);
            }
            _ => return false,
        }
        true
    }

    fn json_start(&mut self, name: &str, input: &Expr, path: &Expr) {
        self.put(name);
        self.put("(");
        self.expr(input);
        self.put(", ");
        self.expr(path);
    }

    fn json_returning(&mut self, ty: &str) {
        if ty != "STRING" {
            self.put(" RETURNING ");
            self.put(ty);
        }
    }

    /// A clause that differs from its default.
    fn json_on(&mut self, default: &str, behaviour: &str, value: Option<&Expr>, event: &str) {
        if behaviour == default {
            return;
        }
        self.put(" ");
        self.put(behaviour);
        if behaviour == "DEFAULT"
            && let Some(value) = value
        {
            self.put(" ");
            self.expr(value);
        }
        self.put(" ON ");
        self.put(event);
    }

    fn json_pairs(&mut self, pairs: &[&Expr]) {
        self.list(&pairs.chunks(2).collect::<Vec<_>>(), ", ", |p, pair| {
            p.put("KEY ");
            p.list(pair, " VALUE ", |p, item| p.expr(item));
        });
    }

    fn json_null(&mut self, behaviour: &str, default: &str, first: bool) {
        if behaviour != default {
            self.put(if first { "" } else { " " });
            self.put(behaviour);
            self.put(" ON NULL");
        }
    }
}

fn object_word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Table => "TABLE",
        ObjectKind::View => "VIEW",
        ObjectKind::Model => "MODEL",
        ObjectKind::Function => "FUNCTION",
    }
}
