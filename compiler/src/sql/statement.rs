//! The statements of a Flink SQL script.
//!
//! Queries and expressions are plain sqlparser trees, so that DataFusion's planner can bind them;
//! what sqlparser's tree has no node for stands as a call of one of the [`markers`](super::markers).
//! Everything around queries has types of its own here. All spans are bytes of the script.

use datafusion_sql::sqlparser::ast;
use millstream_functions::types::FlinkType;

use crate::diagnostics::Span;

/// A parsed script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub statements: Vec<Statement>,
}

/// One statement and its place, without the closing semicolon.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub kind: StatementKind,
    pub span: Span,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    Set(Set),
    Reset(Reset),
    CreateTable(CreateTable),
    CreateView(CreateView),
    CreateModel(CreateModel),
    CreateFunction(CreateFunction),
    Drop(Drop),
    AlterTable(AlterTable),
    AlterView(AlterView),
    AlterModel(AlterModel),
    Insert(Insert),
    /// `EXECUTE STATEMENT SET BEGIN … END` and `BEGIN STATEMENT SET; … END;`: one job.
    StatementSet(Vec<Insert>),
    Query(Query),
    Explain(Explain),
    Show(Show),
    Describe(Describe),
    Use(Use),
}

/// A name of up to three parts (`catalog.database.object`) and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    pub parts: Vec<ast::Ident>,
    pub span: Span,
}

impl Name {
    /// The last part: the name of the object itself.
    pub fn object(&self) -> &str {
        self.parts.last().map_or("", |part| part.value.as_str())
    }

    /// The parts without their quotes.
    pub fn values(&self) -> Vec<&str> {
        self.parts.iter().map(|part| part.value.as_str()).collect()
    }

    /// The same name in a query.
    pub fn to_object_name(&self) -> ast::ObjectName {
        ast::ObjectName::from(self.parts.clone())
    }
}

/// `'key' = 'value'` of a `WITH`, of a hint or of `SET`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableOption {
    pub key: String,
    pub value: String,
    pub key_span: Span,
    pub value_span: Span,
    /// From the key up to the end of the value.
    pub span: Span,
}

/// `SET`, `SET 'key' = 'value'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// `None` lists all settings.
    pub option: Option<TableOption>,
}

/// `RESET`, `RESET 'key'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Reset {
    /// `None` resets all settings.
    pub key: Option<String>,
    pub key_span: Option<Span>,
}

/// `CREATE TABLE`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    pub name: Name,
    pub temporary: bool,
    pub if_not_exists: bool,
    pub columns: Vec<Column>,
    pub watermark: Option<Watermark>,
    /// Of the table or of a column; never enforced.
    pub primary_key: Option<PrimaryKey>,
    pub comment: Option<String>,
    pub distribution: Option<Distribution>,
    pub partitioned_by: Vec<ast::Ident>,
    pub options: Vec<TableOption>,
    pub like: Option<Like>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub name_span: Span,
    pub kind: ColumnKind,
    pub comment: Option<String>,
    /// The whole definition.
    pub span: Span,
}

/// Where the values of a column come from.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnKind {
    /// The rows of the connector.
    Physical { ty: FlinkType, ty_span: Span },
    /// Other columns: `name AS expr`.
    Computed {
        expr: Box<ast::Expr>,
        /// The expression as written.
        text: String,
        span: Span,
    },
    /// The connector's metadata: `name type METADATA [FROM 'key'] [VIRTUAL]`.
    Metadata {
        ty: FlinkType,
        ty_span: Span,
        /// The metadata key if it differs from the column's name.
        from: Option<String>,
        /// Not written by a sink.
        virtual_: bool,
    },
}

/// `WATERMARK FOR column AS expr`.
#[derive(Debug, Clone, PartialEq)]
pub struct Watermark {
    /// The rowtime column; more than one part names a field of a row.
    pub column: Vec<ast::Ident>,
    pub column_span: Span,
    pub expr: ast::Expr,
    /// The expression as written.
    pub text: String,
    pub expr_span: Span,
    pub span: Span,
}

/// `[CONSTRAINT name] PRIMARY KEY (a, b) NOT ENFORCED`.
#[derive(Debug, Clone, PartialEq)]
pub struct PrimaryKey {
    pub name: Option<ast::Ident>,
    pub columns: Vec<ast::Ident>,
    pub span: Span,
}

/// `DISTRIBUTED [BY [HASH | RANGE] (a, b)] [INTO n BUCKETS]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    pub kind: Option<DistributionKind>,
    pub columns: Vec<ast::Ident>,
    pub buckets: Option<u32>,
}

/// How rows are spread over buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistributionKind {
    Hash,
    Range,
}

/// `LIKE table ( {INCLUDING | EXCLUDING | OVERWRITING} feature … )`.
#[derive(Debug, Clone, PartialEq)]
pub struct Like {
    pub table: Name,
    pub options: Vec<LikeOption>,
}

/// One rule of a `LIKE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LikeOption {
    pub merging: LikeMerging,
    pub feature: LikeFeature,
}

/// What happens to a feature of the table that is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeMerging {
    Including,
    Excluding,
    Overwriting,
}

/// What a `LIKE` copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeFeature {
    All,
    Constraints,
    Distribution,
    Generated,
    Metadata,
    Options,
    Partitions,
    Watermarks,
}

/// `CREATE [TEMPORARY] VIEW`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    pub name: Name,
    pub temporary: bool,
    pub if_not_exists: bool,
    /// The names of its columns, or empty to take those of the query.
    pub columns: Vec<ast::Ident>,
    pub comment: Option<String>,
    pub query: Query,
}

/// `CREATE [TEMPORARY] MODEL`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateModel {
    pub name: Name,
    pub temporary: bool,
    pub if_not_exists: bool,
    pub inputs: Vec<ModelColumn>,
    pub outputs: Vec<ModelColumn>,
    pub comment: Option<String>,
    pub options: Vec<TableOption>,
}

/// A column of a model's `INPUT` or `OUTPUT`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelColumn {
    pub name: String,
    pub ty: FlinkType,
    pub comment: Option<String>,
    pub name_span: Span,
    pub ty_span: Span,
}

/// `CREATE [TEMPORARY [SYSTEM]] FUNCTION name AS 'identifier' [LANGUAGE …] [USING …]`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    pub name: Name,
    pub temporary: bool,
    pub system: bool,
    pub if_not_exists: bool,
    /// A class, or for Python `module.attribute`.
    pub identifier: String,
    pub identifier_span: Span,
    pub language: Option<Language>,
    pub resources: Vec<Resource>,
}

/// The language of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Java,
    Scala,
    Python,
}

/// A file that a function needs: `USING JAR 'path'`.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub kind: ResourceKind,
    pub path: String,
}

/// The kind of a [`Resource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Jar,
    Artifact,
}

/// What a `DROP` drops, a `DESCRIBE` describes or a `SHOW CREATE` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    Table,
    View,
    Model,
    Function,
}

/// `DROP [TEMPORARY [SYSTEM]] {TABLE | VIEW | MODEL | FUNCTION} [IF EXISTS] name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Drop {
    pub kind: ObjectKind,
    pub temporary: bool,
    pub system: bool,
    pub if_exists: bool,
    pub name: Name,
}

/// `ALTER TABLE [IF EXISTS] name …`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterTable {
    pub name: Name,
    pub if_exists: bool,
    pub change: TableChange,
}

/// What an `ALTER TABLE` changes.
#[derive(Debug, Clone, PartialEq)]
pub enum TableChange {
    /// `RENAME TO name`
    RenameTable(Name),
    /// `RENAME a TO b`
    RenameColumn { from: Name, to: Name },
    /// `SET ('k' = 'v', …)`
    SetOptions(Vec<TableOption>),
    /// `RESET ('k', …)`
    ResetOptions(Vec<String>),
    /// `ADD …`
    Add(SchemaChange),
    /// `MODIFY …`
    Modify(SchemaChange),
    /// `DROP column`, `DROP (a, b)`
    DropColumns(Vec<Name>),
    /// `DROP CONSTRAINT name`
    DropConstraint(ast::Ident),
    /// `DROP PRIMARY KEY`
    DropPrimaryKey,
    /// `DROP WATERMARK`
    DropWatermark,
}

/// The elements of an `ALTER TABLE ADD` or `MODIFY`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SchemaChange {
    pub columns: Vec<(Column, Option<ColumnPosition>)>,
    pub watermark: Option<Watermark>,
    pub primary_key: Option<PrimaryKey>,
}

/// Where a column of an `ALTER TABLE` goes.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnPosition {
    First,
    After(ast::Ident),
}

/// `ALTER VIEW name {RENAME TO name | AS query}`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterView {
    pub name: Name,
    pub change: ViewChange,
}

/// What an `ALTER VIEW` changes.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewChange {
    Rename(Name),
    As(Query),
}

/// `ALTER MODEL [IF EXISTS] name …`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterModel {
    pub name: Name,
    pub if_exists: bool,
    pub change: ModelChange,
}

/// What an `ALTER MODEL` changes.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelChange {
    Rename(Name),
    SetOptions(Vec<TableOption>),
    ResetOptions(Vec<String>),
}

/// `INSERT {INTO | OVERWRITE} name [PARTITION (…)] [(columns)] query`.
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    pub target: Name,
    pub overwrite: bool,
    /// `PARTITION (k = 'v')`: columns that have the same value in every row.
    pub partition: Vec<(ast::Ident, ast::Expr)>,
    /// The columns that the query fills, by position; `None` is all of them.
    pub columns: Option<Vec<ast::Ident>>,
    /// `INSERT INTO t /*+ OPTIONS(…) */`.
    pub hint: Option<TableHint>,
    pub query: Query,
    /// `ON CONFLICT DO DEDUPLICATE`: of rows that write one row of the table, the last stays.
    pub deduplicate: bool,
    pub span: Span,
}

/// A query, its place and the hints in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub ast: Box<ast::Query>,
    pub span: Span,
    /// The `OPTIONS` hints of tables in the query.
    pub hints: Vec<TableHint>,
}

/// `name /*+ OPTIONS('k' = 'v', …) */`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableHint {
    /// The table it follows.
    pub table: Name,
    pub options: Vec<TableOption>,
    /// The hint itself.
    pub span: Span,
}

/// `EXPLAIN [PLAN FOR | details] statement`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    pub details: Vec<ExplainDetail>,
    pub statement: Box<Statement>,
}

/// What an `EXPLAIN` shows besides the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainDetail {
    EstimatedCost,
    ChangelogMode,
    PlanAdvice,
    JsonExecutionPlan,
}

/// `SHOW …`.
#[derive(Debug, Clone, PartialEq)]
pub enum Show {
    /// `SHOW what [{FROM | IN} name] [[NOT] {LIKE | ILIKE} 'pattern']`
    List {
        what: ShowList,
        /// The database, or for columns the table.
        within: Option<(ShowPreposition, Name)>,
        pattern: Option<ShowPattern>,
    },
    /// `SHOW CREATE {TABLE | VIEW | MODEL} name`
    Create { kind: ObjectKind, name: Name },
}

/// What a [`Show::List`] lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowList {
    Catalogs,
    Columns,
    CurrentCatalog,
    CurrentDatabase,
    Databases,
    Functions,
    UserFunctions,
    Jobs,
    Models,
    Modules,
    FullModules,
    Procedures,
    Tables,
    Views,
}

/// `FROM` and `IN` mean the same here; which one was written is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowPreposition {
    From,
    In,
}

/// `[NOT] {LIKE | ILIKE} 'pattern'`.
#[derive(Debug, Clone, PartialEq)]
pub struct ShowPattern {
    pub negated: bool,
    pub ignore_case: bool,
    pub pattern: String,
}

/// `DESCRIBE [EXTENDED] name`, `DESCRIBE {MODEL | FUNCTION} [EXTENDED] name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Describe {
    /// [`ObjectKind::Table`] also stands for a view.
    pub kind: ObjectKind,
    pub extended: bool,
    pub name: Name,
}

/// `USE [CATALOG] name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    pub catalog: bool,
    pub name: Name,
}
