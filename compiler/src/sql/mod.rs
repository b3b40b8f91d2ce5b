//! The Flink SQL front end: text to statements, and statements to text.
//!
//! [`parse_script`] reads a script and fails closed: what it accepts means what Flink means by it,
//! and everything else is refused with its place and what to do. Queries and expressions come out
//! as sqlparser trees, which DataFusion's planner binds; [`markers`] lists the functions that
//! stand for syntax those trees cannot hold. The grammar is Flink's own (Calcite's, with Flink's
//! statements): [`parser`](self) has the reason why sqlparser's parser is not used.

mod call;
mod ddl;
mod expr;
pub mod format;
mod keywords;
mod layout;
pub(crate) mod lexer;
mod literal;
mod location;
pub mod markers;
mod parser;
mod query;
mod script;
mod statement;
mod unparse;

pub use format::format_script;
pub use keywords::{is_reserved, quote_name, quote_text};
pub use location::{LineIndex, byte_span};
pub use script::{parse_expression, parse_script};
pub use statement::*;
pub use unparse::{unparse_expr, unparse_query};

#[cfg(test)]
mod tests;
