//! The Flink SQL front end: text to statements, and statements to text.
//!
//! [`parse_script`] reads a script and fails closed: what it accepts means what Flink means by it,
//! and everything else is refused with its place and what to do. Queries and expressions come out
//! as sqlparser trees, which DataFusion's planner binds; [`markers`] lists the functions that
//! stand for syntax those trees cannot hold, and what is brought to a simpler form on the way.
//!
//! The grammar is Flink's own (Calcite's, with Flink's statements), as a recursive descent that
//! never goes back over an error. sqlparser's parser is not used, only its trees: it takes much
//! that Flink has not and drops some of it, it reads `a IS DISTINCT FROM b AND c` as
//! `a IS DISTINCT FROM (b AND c)`, it has no hooks for table elements, types and table factors,
//! and in a derived table it loses the place of an error, because it tries one reading after the
//! other.
//!
//! From the text inwards: `lexer` (tokens and their bytes), `parser` (the cursor, and what it says
//! when a rule fails), `expr`, `call`, `query`, `ddl`, `script` (the rules), [`unparse_query`]
//! and `Display` (canonical text), [`format`] (text as people write it).

mod call;
mod ddl;
mod expr;
pub mod format;
mod highlight;
mod keywords;
mod layout;
pub(crate) mod lexer;
mod literal;
mod location;
pub mod markers;
pub(crate) mod match_recognize;
mod parser;
mod query;
mod script;
mod statement;
mod unparse;

pub use format::format_script;
pub use highlight::{Stretch, TextKind, highlight};
pub use keywords::{is_reserved, quote_name, quote_text};
pub use location::{LineIndex, byte_span};
pub(crate) use query::{empty_select, query_of, state_ttl};
pub use script::{parse_expression, parse_script};
pub use statement::*;
pub use unparse::{unparse_expr, unparse_query};

#[cfg(test)]
mod tests;
