//! Functions on URLs and IP addresses.

use std::borrow::Cow;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int64Type};
use datafusion_common::Result;

use crate::call::{Args, FlinkFunction, Is, Out, STRING, prims, strings};
use crate::types::TypeKind;

use Is::{Int, Str};

pub(crate) fn functions() -> Vec<FlinkFunction> {
    vec![
        FlinkFunction::of("url_encode", &[&[Str]], Out::Nullable(STRING), |args| {
            let text = args.strs(0)?;
            strings(args.rows, |row, out| {
                Ok(text.get(row).map(|t| url_encode(t, out)).is_some())
            })
        }),
        FlinkFunction::of("url_decode", &[&[Str]], Out::Nullable(STRING), |args| {
            let text = args.strs(0)?;
            strings(args.rows, |row, out| {
                match text.get(row).and_then(url_decode) {
                    Some(decoded) => {
                        out.push_str(&decoded);
                        Ok(true)
                    }
                    // Flink: NULL if an escape is broken.
                    None => Ok(false),
                }
            })
        }),
        FlinkFunction::of(
            "parse_url",
            &[&[Str, Str], &[Str, Str, Str]],
            Out::Nullable(STRING),
            parse_url,
        ),
        FlinkFunction::of(
            "inet_aton",
            &[&[Str]],
            Out::Nullable(TypeKind::BigInt),
            |args| {
                let text = args.strs(0)?;
                prims::<Int64Type>(args.rows, &DataType::Int64, |row| {
                    Ok(text.get(row).and_then(inet_aton))
                })
            },
        ),
        FlinkFunction::of("inet_ntoa", &[&[Int]], Out::Nullable(STRING), |args| {
            let address = args.prims::<Int64Type>(0)?;
            strings(args.rows, |row, out| {
                use std::fmt::Write;
                match address.get(row).map(u32::try_from) {
                    Some(Ok(address)) => {
                        let [a, b, c, d] = address.to_be_bytes();
                        let _ = write!(out, "{a}.{b}.{c}.{d}");
                        Ok(true)
                    }
                    _ => Ok(false),
                }
            })
        }),
    ]
}

/// Java's `URLEncoder`: letters, digits and `.-*_` stay, a blank is `+`.
fn url_encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => {
                out.push('%');
                out.push(char::from(DIGITS[usize::from(byte >> 4)]));
                out.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

/// Java's `URLDecoder`. `None` if an escape is broken.
fn url_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push((high << 4 | low) as u8);
            }
            byte => bytes.push(byte),
        }
    }
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The parts of a URL, as `java.net.URL` names them.
struct Url<'a> {
    protocol: &'a str,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    reference: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (protocol, rest) = text.trim().split_once(':')?;
        let known = ["http", "https", "ftp", "file", "jar", "mailto"];
        if !known
            .iter()
            .any(|known| known.eq_ignore_ascii_case(protocol))
        {
            return None;
        }
        let (rest, reference) = match rest.split_once('#') {
            Some((rest, reference)) => (rest, Some(reference)),
            None => (rest, None),
        };
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        Some(Self {
            protocol,
            authority,
            path,
            query,
            reference,
        })
    }

    fn user_info(&self) -> Option<&'a str> {
        self.authority.rsplit_once('@').map(|(user, _)| user)
    }

    fn host(&self) -> &'a str {
        let host = self.authority.rsplit('@').next().unwrap_or_default();
        if host.starts_with('[') {
            return host.find(']').map_or(host, |end| &host[..=end]);
        }
        host.split(':').next().unwrap_or_default()
    }
}

fn parse_url(args: &Args) -> Result<ArrayRef> {
    let (url, part) = (args.strs(0)?, args.strs(1)?);
    let key = args.has(2).then(|| args.strs(2)).transpose()?;
    strings(args.rows, |row, out| {
        let (Some(url), Some(part)) = (url.get(row).and_then(Url::parse), part.get(row)) else {
            return Ok(false);
        };
        let mut push = |value: Option<&str>| value.map(|value| out.push_str(value)).is_some();
        if let Some(key) = &key {
            let Some(key) = key.get(row) else {
                return Ok(false);
            };
            if part != "QUERY" {
                return Ok(false);
            }
            let value = url.query.and_then(|query| {
                query
                    .split('&')
                    .find_map(|pair| match pair.split_once('=') {
                        Some((name, value)) if name == key => Some(value),
                        _ => None,
                    })
            });
            return Ok(push(value));
        }
        Ok(match part {
            "HOST" => push(Some(url.host()).filter(|host| !host.is_empty())),
            "PATH" => push(Some(url.path)),
            "QUERY" => push(url.query),
            "REF" => push(url.reference),
            "PROTOCOL" => push(Some(url.protocol)),
            "FILE" => {
                let _ = push(Some(url.path));
                if let Some(query) = url.query {
                    out.push('?');
                    out.push_str(query);
                }
                true
            }
            "AUTHORITY" => push(Some(url.authority).filter(|a| !a.is_empty())),
            "USERINFO" => push(url.user_info()),
            _ => false,
        })
    })
}

/// `a.b.c.d`, `a.b.d`, `a.d` or `d`, each part at most 255 in decimal: the last part stands in
/// the last byte, the others in the first ones.
fn inet_aton(text: &str) -> Option<i64> {
    let mut parts = [0_i64; 4];
    let mut count = 0;
    for part in text.split('.') {
        let valid =
            !part.is_empty() && part.len() <= 10 && part.bytes().all(|b| b.is_ascii_digit());
        let value = part
            .parse::<i64>()
            .ok()
            .filter(|value| valid && *value <= 255)?;
        *parts.get_mut(count)? = value;
        count += 1;
    }
    let last = parts[count - 1];
    let leading = parts[..count - 1]
        .iter()
        .enumerate()
        .fold(0, |sum, (index, part)| sum | part << (24 - 8 * index));
    Some(leading | last)
}

#[cfg(test)]
mod tests {
    use crate::testing::{call, column, literal, one, text};

    #[test]
    fn urls_are_coded() {
        assert_eq!(one("url_encode", &[text("a b/ä")]), "a+b%2F%C3%A4");
        let coded = column("STRING", &[Some("a+b%2F"), Some("broken%2"), None]);
        assert_eq!(call("url_decode", &[coded]), ["a b/", "null", "null"]);
    }

    #[test]
    fn urls_are_taken_apart() {
        let url = text("http://user:pw@host:8080/p/q.php?a=1&b=2#end");
        for (part, expected) in [
            ("HOST", "host"),
            ("PATH", "/p/q.php"),
            ("QUERY", "a=1&b=2"),
            ("REF", "end"),
            ("PROTOCOL", "http"),
            ("FILE", "/p/q.php?a=1&b=2"),
            ("AUTHORITY", "user:pw@host:8080"),
            ("USERINFO", "user:pw"),
            ("NONE", "null"),
        ] {
            assert_eq!(
                one("parse_url", &[url.clone(), text(part)]),
                expected,
                "{part}"
            );
        }
        assert_eq!(
            one("parse_url", &[url.clone(), text("QUERY"), text("b")]),
            "2"
        );
        assert_eq!(one("parse_url", &[text("no url"), text("HOST")]), "null");
    }

    #[test]
    fn addresses_are_numbers() {
        assert_eq!(one("inet_aton", &[text("1.2.3.4")]), "16909060");
        assert_eq!(one("inet_aton", &[text("1.2")]), "16777218");
        for bad in ["", "1.2.3.4.5", "1.2.3.256", "a.b", "1..2", "-1.2"] {
            assert_eq!(one("inet_aton", &[text(bad)]), "null", "{bad}");
        }
        assert_eq!(
            one("inet_ntoa", &[literal("BIGINT", "4294967295")]),
            "255.255.255.255"
        );
        assert_eq!(one("inet_ntoa", &[literal("BIGINT", "4294967296")]), "null");
    }
}
