//! Functions on character and byte strings. Positions count characters (code points) from 1.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion_common::{Result, exec_err, plan_err};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::call::{
    Args, BYTES, Call, FlinkFunction, Is, Out, Resolved, STRING, binaries, booleans, prims, strings,
};
use crate::display::{Formatter, Style};
use crate::types::{FlinkType, TypeKind};

use Is::{Bin, Int, Many, Str};

/// A function from one string to one string.
fn map(name: &'static str, f: impl Fn(&str, &mut String) + Send + Sync + 'static) -> FlinkFunction {
    FlinkFunction::of(name, &[&[Str]], Out::Strict(STRING), move |args| {
        let text = args.strs(0)?;
        strings(args.rows, |row, out| {
            Ok(text.get(row).map(|text| f(text, out)).is_some())
        })
    })
}

/// A function from one string to one integer.
fn measure(name: &'static str, f: fn(&str) -> i32) -> FlinkFunction {
    FlinkFunction::of(name, &[&[Str]], Out::Strict(TypeKind::Int), move |args| {
        let text = args.strs(0)?;
        prims::<Int32Type>(args.rows, &DataType::Int32, |row| Ok(text.get(row).map(f)))
    })
}

fn characters(text: &str) -> i32 {
    if text.is_ascii() {
        text.len() as i32
    } else {
        text.chars().count() as i32
    }
}

pub(crate) fn functions() -> Vec<FlinkFunction> {
    let mut functions = vec![
        map("upper", |text, out| push_case(text, true, out)),
        map("lower", |text, out| push_case(text, false, out)),
        map("initcap", initcap),
        map("reverse", |text, out| out.extend(text.chars().rev())),
        measure("char_length", characters).also(&["character_length", "length"]),
        measure("ascii", |text| {
            text.chars().next().map_or(0, |c| c as u32 as u8 as i32)
        }),
        FlinkFunction::of(
            "octet_length",
            &[&[Str], &[Bin]],
            Out::Strict(TypeKind::Int),
            |args| {
                if args.data_type(0) == DataType::Utf8 {
                    let text = args.strs(0)?;
                    return prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                        Ok(text.get(row).map(|text| text.len() as i32))
                    });
                }
                let bytes = args.bytes(0)?;
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    Ok(bytes.get(row).map(|bytes| bytes.len() as i32))
                })
            },
        ),
        trim("btrim", true, true),
        trim("trim", true, true),
        trim("ltrim", true, false),
        trim("rtrim", false, true),
        FlinkFunction::of(
            "substring",
            &[&[Str, Int], &[Str, Int, Int], &[Bin, Int], &[Bin, Int, Int]],
            Out::Infer(|call| {
                let kind = if call.types[0].is_binary() {
                    BYTES
                } else {
                    STRING
                };
                // A negative length gives NULL.
                let nullable = call.nullable() || call.types.len() > 2;
                Ok(FlinkType::new(kind).with_nullable(nullable))
            }),
            substring,
        )
        .also(&["substr"]),
        FlinkFunction::of("left", &[&[Str, Int]], Out::Strict(STRING), |args| {
            let (text, length) = (args.strs(0)?, args.prims::<Int64Type>(1)?);
            strings(args.rows, |row, out| {
                let (Some(text), Some(length)) = (text.get(row), length.get(row)) else {
                    return Ok(false);
                };
                out.push_str(slice(text, 1, Some(length.max(0))));
                Ok(true)
            })
        }),
        FlinkFunction::of("right", &[&[Str, Int]], Out::Strict(STRING), |args| {
            let (text, length) = (args.strs(0)?, args.prims::<Int64Type>(1)?);
            strings(args.rows, |row, out| {
                let (Some(text), Some(length)) = (text.get(row), length.get(row)) else {
                    return Ok(false);
                };
                let skip = (i64::from(characters(text)) - length.max(0)).max(0);
                out.push_str(slice(text, skip + 1, None));
                Ok(true)
            })
        }),
        FlinkFunction::of("concat", &[&[Str, Many(&Str)]], Out::Strict(STRING), concat),
        FlinkFunction::of(
            "__concat",
            &[&[Str, Str], &[Bin, Bin]],
            Out::Infer(|call| {
                let binary = call.types.iter().any(FlinkType::is_binary);
                Ok(FlinkType::new(if binary { BYTES } else { STRING })
                    .with_nullable(call.nullable()))
            }),
            |args| {
                if args.result.data_type() == &DataType::Utf8 {
                    return concat(args);
                }
                let (left, right) = (args.bytes(0)?, args.bytes(1)?);
                binaries(args.rows, |row, out| {
                    let (Some(left), Some(right)) = (left.get(row), right.get(row)) else {
                        return Ok(false);
                    };
                    out.extend_from_slice(left);
                    out.extend_from_slice(right);
                    Ok(true)
                })
            },
        ),
        FlinkFunction::of(
            "concat_ws",
            &[&[Str, Many(&Str)]],
            Out::Infer(|call| Ok(FlinkType::string().with_nullable(call.types[0].nullable))),
            concat_ws,
        ),
        FlinkFunction::of("repeat", &[&[Str, Int]], Out::Strict(STRING), |args| {
            let (text, count) = (args.strs(0)?, args.prims::<Int64Type>(1)?);
            strings(args.rows, |row, out| {
                let (Some(text), Some(count)) = (text.get(row), count.get(row)) else {
                    return Ok(false);
                };
                // Nothing repeated for ever is nothing.
                let count = if text.is_empty() {
                    0
                } else {
                    count.max(0) as usize
                };
                if text.len().saturating_mul(count) > i32::MAX as usize {
                    return exec_err!("The result of REPEAT is longer than 2 GiB");
                }
                for _ in 0..count {
                    out.push_str(text);
                }
                Ok(true)
            })
        }),
        FlinkFunction::of(
            "replace",
            &[&[Str, Str, Str]],
            Out::Strict(STRING),
            |args| {
                let (text, from, to) = (args.strs(0)?, args.strs(1)?, args.strs(2)?);
                strings(args.rows, |row, out| {
                    let (Some(text), Some(from), Some(to)) =
                        (text.get(row), from.get(row), to.get(row))
                    else {
                        return Ok(false);
                    };
                    let mut last = 0;
                    for (at, part) in text.match_indices(from) {
                        out.push_str(&text[last..at]);
                        out.push_str(to);
                        last = at + part.len();
                    }
                    out.push_str(&text[last..]);
                    Ok(true)
                })
            },
        ),
        pad("lpad", true),
        pad("rpad", false),
        FlinkFunction::of(
            "overlay",
            &[&[Str, Str, Int], &[Str, Str, Int, Int]],
            Out::Strict(STRING),
            overlay,
        ),
        FlinkFunction::of(
            "__position",
            &[&[Str, Str]],
            Out::Strict(TypeKind::Int),
            |args| {
                let (part, text) = (args.strs(0)?, args.strs(1)?);
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    Ok(part
                        .get(row)
                        .zip(text.get(row))
                        .map(|(part, text)| find(text, part, 0)))
                })
            },
        ),
        FlinkFunction::of(
            "instr",
            &[&[Str, Str]],
            Out::Strict(TypeKind::Int),
            |args| {
                let (text, part) = (args.strs(0)?, args.strs(1)?);
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    Ok(part
                        .get(row)
                        .zip(text.get(row))
                        .map(|(part, text)| find(text, part, 0)))
                })
            },
        ),
        FlinkFunction::of(
            "locate",
            &[&[Str, Str], &[Str, Str, Int]],
            Out::Strict(TypeKind::Int),
            |args| {
                let (part, text) = (args.strs(0)?, args.strs(1)?);
                let start = args
                    .has(2)
                    .then(|| args.prims::<Int64Type>(2))
                    .transpose()?;
                prims::<Int32Type>(args.rows, &DataType::Int32, |row| {
                    let (Some(part), Some(text)) = (part.get(row), text.get(row)) else {
                        return Ok(None);
                    };
                    let Some(start) = start.as_ref().map_or(Some(1), |start| start.get(row)) else {
                        return Ok(None);
                    };
                    Ok(Some(if start < 1 {
                        0
                    } else {
                        find(text, part, (start - 1) as usize)
                    }))
                })
            },
        ),
        affix("startswith", |text, part| text.starts_with(part)),
        affix("endswith", |text, part| text.ends_with(part)),
        FlinkFunction::of(
            "split_index",
            &[&[Str, Str, Int], &[Str, Int, Int]],
            Out::Nullable(STRING),
            split_index,
        ),
        FlinkFunction::of(
            "translate",
            &[&[Str, Str, Str]],
            Out::Infer(|call| {
                let ty = &call.types[0];
                Ok(FlinkType::string().with_nullable(ty.nullable || ty.kind == TypeKind::Null))
            }),
            translate,
        )
        .also(&["translate3"]),
        FlinkFunction::new("elt", resolve_elt, elt),
        FlinkFunction::of("chr", &[&[Int]], Out::Strict(STRING), |args| {
            let code = args.prims::<Int64Type>(0)?;
            strings(args.rows, |row, out| {
                let Some(code) = code.get(row) else {
                    return Ok(false);
                };
                if code >= 0 {
                    let code = if code > 255 { code & 0xff } else { code };
                    out.extend(char::from_u32(code as u32));
                }
                Ok(true)
            })
        }),
        FlinkFunction::of(
            "__like",
            &[&[Str, Str], &[Str, Str, Str]],
            Out::Infer(like_type),
            like,
        ),
        FlinkFunction::of("hex", &[&[Int], &[Str], &[Bin]], Out::Strict(STRING), hex),
        FlinkFunction::of("unhex", &[&[Str]], Out::Nullable(BYTES), |args| {
            let text = args.strs(0)?;
            binaries(args.rows, |row, out| {
                Ok(text.get(row).is_some_and(|t| unhex(t, out)))
            })
        }),
        FlinkFunction::of("bin", &[&[Int]], Out::Strict(STRING), |args| {
            let value = args.prims::<Int64Type>(0)?;
            strings(args.rows, |row, out| {
                use std::fmt::Write;
                Ok(value
                    .get(row)
                    .map(|value| write!(out, "{value:b}"))
                    .is_some())
            })
        }),
        FlinkFunction::of(
            "to_base64",
            &[&[Str], &[Bin]],
            Out::Strict(STRING),
            |args| {
                let bytes = bytes_of(args, 0)?;
                strings(args.rows, |row, out| {
                    Ok(bytes.get(row).map(|bytes| base64(bytes, out)).is_some())
                })
            },
        ),
        FlinkFunction::of("from_base64", &[&[Str]], Out::Strict(STRING), |args| {
            let text = args.strs(0)?;
            strings(args.rows, |row, out| {
                let Some(text) = text.get(row) else {
                    return Ok(false);
                };
                match unbase64(text) {
                    Some(bytes) => {
                        out.push_str(&String::from_utf8_lossy(&bytes));
                        Ok(true)
                    }
                    None => exec_err!("'{text}' is not Base64"),
                }
            })
        }),
        FlinkFunction::of("encode", &[&[Str, Str]], Out::Nullable(BYTES), |args| {
            let (text, charset) = (args.strs(0)?, args.strs(1)?);
            binaries(args.rows, |row, out| {
                let (Some(text), Some(charset)) = (text.get(row), charset.get(row)) else {
                    return Ok(false);
                };
                encode(text, charset, out)?;
                Ok(true)
            })
        }),
        FlinkFunction::of("decode", &[&[Bin, Str]], Out::Nullable(STRING), |args| {
            let (bytes, charset) = (args.bytes(0)?, args.strs(1)?);
            strings(args.rows, |row, out| {
                let (Some(bytes), Some(charset)) = (bytes.get(row), charset.get(row)) else {
                    return Ok(false);
                };
                decode(bytes, charset, out)?;
                Ok(true)
            })
        }),
        FlinkFunction::new("printf", resolve_printf, printf),
        FlinkFunction::of(
            "sha2",
            &[&[Str, Int], &[Bin, Int]],
            Out::Nullable(STRING),
            |args| {
                let (bytes, bits) = (bytes_of(args, 0)?, args.prims::<Int64Type>(1)?);
                strings(args.rows, |row, out| {
                    let (Some(bytes), Some(bits)) = (bytes.get(row), bits.get(row)) else {
                        return Ok(false);
                    };
                    match bits {
                        224 => push_hex(&Sha224::digest(bytes), out),
                        256 => push_hex(&Sha256::digest(bytes), out),
                        384 => push_hex(&Sha384::digest(bytes), out),
                        512 => push_hex(&Sha512::digest(bytes), out),
                        other => {
                            return exec_err!(
                                "SHA2 with {other} bits is not supported; use 224, 256, 384 or 512"
                            );
                        }
                    }
                    Ok(true)
                })
            },
        ),
        FlinkFunction::of("uuid", &[&[]], Out::NotNull(STRING), |args| {
            strings(args.rows, |_, out| {
                use std::fmt::Write;
                let _ = write!(out, "{}", uuid::Uuid::new_v4());
                Ok(true)
            })
        })
        .volatile(),
    ];
    functions.push(digest("md5", |bytes, out| push_hex(&md5(bytes), out)));
    functions.push(digest("sha1", |bytes, out| push_hex(&sha1(bytes), out)));
    functions.push(digest("sha224", |bytes, out| {
        push_hex(&Sha224::digest(bytes), out)
    }));
    functions.push(digest("sha256", |bytes, out| {
        push_hex(&Sha256::digest(bytes), out)
    }));
    functions.push(digest("sha384", |bytes, out| {
        push_hex(&Sha384::digest(bytes), out)
    }));
    functions.push(digest("sha512", |bytes, out| {
        push_hex(&Sha512::digest(bytes), out)
    }));
    functions
}

/// Appends the text in another case; ASCII, which is nearly all text, goes without looking at
/// characters.
fn push_case(text: &str, upper: bool, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if upper {
            out[start..].make_ascii_uppercase();
        } else {
            out[start..].make_ascii_lowercase();
        }
    } else if upper {
        out.extend(text.chars().flat_map(char::to_uppercase));
    } else {
        out.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// Flink: a word starts after anything that is not a letter or digit.
fn initcap(text: &str, out: &mut String) {
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric();
    }
}

fn trim(name: &'static str, left: bool, right: bool) -> FlinkFunction {
    FlinkFunction::of(
        name,
        &[&[Str], &[Str, Str]],
        Out::Strict(STRING),
        move |args| {
            let text = args.strs(0)?;
            let set = args.has(1).then(|| args.strs(1)).transpose()?;
            strings(args.rows, |row, out| {
                let Some(mut text) = text.get(row) else {
                    return Ok(false);
                };
                let Some(set) = set.as_ref().map_or(Some(" "), |set| set.get(row)) else {
                    return Ok(false);
                };
                let inside = |c: char| set.contains(c);
                if left {
                    text = text.trim_start_matches(inside);
                }
                if right {
                    text = text.trim_end_matches(inside);
                }
                out.push_str(text);
                Ok(true)
            })
        },
    )
}

/// The byte offset of the character at `index`, or the end.
fn offset_of(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        index.min(text.len())
    } else {
        text.char_indices()
            .nth(index)
            .map_or(text.len(), |(at, _)| at)
    }
}

/// `length` characters from `start` (from 1) on; all if there is no length.
fn slice(text: &str, start: i64, length: Option<i64>) -> &str {
    let from = offset_of(text, (start - 1).max(0) as usize);
    let rest = &text[from..];
    match length {
        Some(length) => &rest[..offset_of(rest, length.max(0) as usize)],
        None => rest,
    }
}

/// Flink: start 0 is 1; a negative start counts from the end, and one before the text gives
/// nothing.
fn bounds(count: usize, start: i64) -> Option<usize> {
    let count = count as i64;
    let at = match start {
        0 => 0,
        1.. => start - 1,
        _ => count + start,
    };
    (0..count).contains(&at).then_some(at as usize)
}

fn substring(args: &Args) -> Result<ArrayRef> {
    let start = args.prims::<Int64Type>(1)?;
    let length = args
        .has(2)
        .then(|| args.prims::<Int64Type>(2))
        .transpose()?;
    let range = |row: usize| -> Option<(i64, i64)> {
        let start = start.get(row)?;
        let length = match &length {
            Some(length) => length.get(row)?,
            None => i64::MAX,
        };
        (length >= 0).then_some((start, length))
    };
    if args.data_type(0) == DataType::Utf8 {
        let text = args.strs(0)?;
        return strings(args.rows, |row, out| {
            let (Some(text), Some((start, length))) = (text.get(row), range(row)) else {
                return Ok(false);
            };
            let count = if start < 0 {
                characters(text) as usize
            } else {
                // An upper bound is enough: slicing past the end gives nothing.
                text.len()
            };
            if let Some(at) = bounds(count, start) {
                out.push_str(slice(text, at as i64 + 1, Some(length)));
            }
            Ok(true)
        });
    }
    let bytes = args.bytes(0)?;
    binaries(args.rows, |row, out| {
        let (Some(bytes), Some((start, length))) = (bytes.get(row), range(row)) else {
            return Ok(false);
        };
        if let Some(at) = bounds(bytes.len(), start) {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            out.extend(bytes[at..].iter().take(length));
        }
        Ok(true)
    })
}

fn concat(args: &Args) -> Result<ArrayRef> {
    let parts = (0..args.len())
        .map(|index| args.strs(index))
        .collect::<Result<Vec<_>>>()?;
    strings(args.rows, |row, out| {
        for part in &parts {
            match part.get(row) {
                Some(part) => out.push_str(part),
                None => return Ok(false),
            }
        }
        Ok(true)
    })
}

/// NULL parts are skipped; a NULL separator gives NULL.
fn concat_ws(args: &Args) -> Result<ArrayRef> {
    let parts = (0..args.len())
        .map(|index| args.strs(index))
        .collect::<Result<Vec<_>>>()?;
    strings(args.rows, |row, out| {
        let Some(separator) = parts[0].get(row) else {
            return Ok(false);
        };
        let mut first = true;
        for part in parts[1..].iter().filter_map(|part| part.get(row)) {
            if !first {
                out.push_str(separator);
            }
            first = false;
            out.push_str(part);
        }
        Ok(true)
    })
}

fn pad(name: &'static str, left: bool) -> FlinkFunction {
    FlinkFunction::of(
        name,
        &[&[Str, Int, Str]],
        Out::Nullable(STRING),
        move |args| {
            let (text, length, pad) = (args.strs(0)?, args.prims::<Int64Type>(1)?, args.strs(2)?);
            strings(args.rows, |row, out| {
                let (Some(text), Some(length), Some(pad)) =
                    (text.get(row), length.get(row), pad.get(row))
                else {
                    return Ok(false);
                };
                let count = i64::from(characters(text));
                if length < 0 || (pad.is_empty() && length > count) {
                    return Ok(false);
                }
                if length > i64::from(i32::MAX) {
                    return exec_err!("The length {length} is too large for a string");
                }
                let kept = slice(text, 1, Some(length));
                let missing = (length - count).max(0) as usize;
                if !left {
                    out.push_str(kept);
                }
                out.extend(pad.chars().cycle().take(missing));
                if left {
                    out.push_str(kept);
                }
                Ok(true)
            })
        },
    )
}

/// Flink: a start outside of the text leaves it alone.
fn overlay(args: &Args) -> Result<ArrayRef> {
    let (text, part, start) = (args.strs(0)?, args.strs(1)?, args.prims::<Int64Type>(2)?);
    let length = args
        .has(3)
        .then(|| args.prims::<Int64Type>(3))
        .transpose()?;
    strings(args.rows, |row, out| {
        let (Some(text), Some(part), Some(start)) = (text.get(row), part.get(row), start.get(row))
        else {
            return Ok(false);
        };
        let length = match &length {
            Some(length) => match length.get(row) {
                Some(length) => length,
                None => return Ok(false),
            },
            None => i64::from(characters(part)),
        };
        let count = i64::from(characters(text));
        if start < 1 || start > count {
            out.push_str(text);
            return Ok(true);
        }
        out.push_str(slice(text, 1, Some(start - 1)));
        out.push_str(part);
        if length >= 0 {
            out.push_str(slice(text, start.saturating_add(length), None));
        }
        Ok(true)
    })
}

/// The position (from 1) of `part` at or after the character `from` (from 0); 0 if it is not
/// there.
fn find(text: &str, part: &str, from: usize) -> i32 {
    let start = offset_of(text, from);
    match text[start..].find(part) {
        Some(at) => characters(&text[..start + at]) + 1,
        None => 0,
    }
}

fn affix(name: &'static str, test: fn(&[u8], &[u8]) -> bool) -> FlinkFunction {
    FlinkFunction::of(
        name,
        &[&[Str, Str], &[Bin, Bin]],
        Out::Strict(TypeKind::Boolean),
        move |args| {
            let (text, part) = (bytes_of(args, 0)?, bytes_of(args, 1)?);
            booleans(args.rows, |row| {
                Ok(text
                    .get(row)
                    .zip(part.get(row))
                    .map(|(text, part)| test(text, part)))
            })
        },
    )
}

/// A string or byte string argument as bytes.
enum BytesOf {
    Text(crate::call::Strs),
    Bytes(crate::call::Bins),
}

impl BytesOf {
    fn get(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Text(text) => text.get(row).map(str::as_bytes),
            Self::Bytes(bytes) => bytes.get(row),
        }
    }
}

fn bytes_of(args: &Args, index: usize) -> Result<BytesOf> {
    Ok(if args.data_type(index) == DataType::Utf8 {
        BytesOf::Text(args.strs(index)?)
    } else {
        BytesOf::Bytes(args.bytes(index)?)
    })
}

/// The separator is a string or the code of an ASCII character.
fn split_index(args: &Args) -> Result<ArrayRef> {
    let (text, index) = (args.strs(0)?, args.prims::<Int64Type>(2)?);
    if args.data_type(1) == DataType::Utf8 {
        let separator = args.strs(1)?;
        return strings(args.rows, |row, out| {
            let (Some(text), Some(separator), Some(index)) =
                (text.get(row), separator.get(row), index.get(row))
            else {
                return Ok(false);
            };
            Ok(push_part(text, separator, index, out))
        });
    }
    let separator = args.prims::<Int64Type>(1)?;
    strings(args.rows, |row, out| {
        let (Some(text), Some(code), Some(index)) =
            (text.get(row), separator.get(row), index.get(row))
        else {
            return Ok(false);
        };
        match u8::try_from(code)
            .ok()
            .filter(|code| (1..=127).contains(code))
        {
            Some(code) => {
                let mut buffer = [0; 4];
                let separator = char::from(code).encode_utf8(&mut buffer);
                Ok(push_part(text, separator, index, out))
            }
            None => Ok(false),
        }
    })
}

fn push_part(text: &str, separator: &str, index: i64, out: &mut String) -> bool {
    let Ok(index) = usize::try_from(index) else {
        return false;
    };
    if separator.is_empty() {
        // Java splits between all characters.
        return match text.chars().nth(index) {
            Some(c) => {
                out.push(c);
                true
            }
            None => false,
        };
    }
    match text.split(separator).nth(index) {
        Some(part) => {
            out.push_str(part);
            true
        }
        None => false,
    }
}

/// A character of `from` becomes the one at its place in `to`, or goes if there is none. The
/// first of equal characters in `from` counts. A NULL list is an empty one.
fn translate(args: &Args) -> Result<ArrayRef> {
    let (text, from, to) = (args.strs(0)?, args.strs(1)?, args.strs(2)?);
    strings(args.rows, |row, out| {
        let Some(text) = text.get(row) else {
            return Ok(false);
        };
        let (from, to) = (
            from.get(row).unwrap_or_default(),
            to.get(row).unwrap_or_default(),
        );
        for c in text.chars() {
            match from.chars().position(|f| f == c) {
                None => out.push(c),
                Some(index) => out.extend(to.chars().nth(index)),
            }
        }
        Ok(true)
    })
}

fn resolve_elt(call: &Call<'_>) -> Result<Resolved> {
    let expected = "ELT(index <INTEGER_NUMERIC>, expr <CHARACTER_STRING>, exprs \
                    <CHARACTER_STRING>...)\nELT(index <INTEGER_NUMERIC>, expr <BINARY_STRING>, \
                    exprs <BINARY_STRING>...)";
    let fits = |test: fn(&FlinkType) -> bool| {
        call.types[1..]
            .iter()
            .all(|ty| test(ty) || ty.kind == TypeKind::Null)
    };
    let index_fits = call
        .types
        .first()
        .is_some_and(|ty| ty.is_integer() || ty.kind == TypeKind::Null);
    if !index_fits || call.types.len() < 2 {
        return Err(call.mismatch(expected));
    }
    let kind = if fits(FlinkType::is_string) {
        STRING
    } else if fits(FlinkType::is_binary) {
        BYTES
    } else {
        return Err(call.mismatch(expected));
    };
    if let Some(index) = call.integer(0).filter(|index| *index < 0) {
        return plan_err!("Index must be an integer starting from '0', but was '{index}'.");
    }
    let mut args = vec![TypeKind::BigInt];
    args.resize(call.types.len(), kind.clone());
    Ok(Resolved {
        args,
        result: kind.into(),
    })
}

fn elt(args: &Args) -> Result<ArrayRef> {
    let index = args.prims::<Int64Type>(0)?;
    let items = (1..args.len())
        .map(|at| bytes_of(args, at))
        .collect::<Result<Vec<_>>>()?;
    let pick = |row: usize| -> Option<&[u8]> {
        let at = usize::try_from(index.get(row)?).ok()?.checked_sub(1)?;
        items.get(at)?.get(row)
    };
    if args.result.data_type() == &DataType::Utf8 {
        return strings(args.rows, |row, out| {
            Ok(pick(row)
                .map(|bytes| out.push_str(&String::from_utf8_lossy(bytes)))
                .is_some())
        });
    }
    binaries(args.rows, |row, out| {
        Ok(pick(row)
            .map(|bytes| out.extend_from_slice(bytes))
            .is_some())
    })
}

// ---- LIKE ----

fn like_type(call: &Call<'_>) -> Result<FlinkType> {
    if let (Some(pattern), escape) = (call.text(1), call.text(2)) {
        Pattern::compile(pattern, escape)?;
    }
    Ok(FlinkType::new(TypeKind::Boolean).with_nullable(call.nullable()))
}

/// One step of a `LIKE` pattern.
#[derive(Debug, PartialEq)]
enum Step {
    Char(char),
    One,
    Many,
}

struct Pattern(Vec<Step>);

impl Pattern {
    fn compile(pattern: &str, escape: Option<&str>) -> Result<Self> {
        let escape = match escape {
            None | Some("") => None,
            Some(text) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Some(c),
                    _ => return plan_err!("Invalid escape character '{text}'"),
                }
            }
        };
        let mut steps = Vec::new();
        let mut chars = pattern.chars().enumerate().peekable();
        while let Some((at, c)) = chars.next() {
            if Some(c) == escape {
                match chars.next() {
                    Some((_, next)) if matches!(next, '_' | '%') || Some(next) == escape => {
                        steps.push(Step::Char(next));
                    }
                    _ => return plan_err!("Invalid escape sequence '{pattern}', {at}"),
                }
                continue;
            }
            match c {
                '_' => steps.push(Step::One),
                '%' if steps.last() == Some(&Step::Many) => {}
                '%' => steps.push(Step::Many),
                c => steps.push(Step::Char(c)),
            }
        }
        Ok(Self(steps))
    }

    fn matches(&self, text: &str) -> bool {
        // Greedy with one place to come back to: the last %.
        let steps = &self.0;
        let (mut step, mut rest) = (0, text);
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let next = rest.chars().next();
            let advanced = match (steps.get(step), next) {
                (None, None) => return true,
                (Some(Step::Many), _) => {
                    retry = Some((step + 1, rest));
                    step += 1;
                    continue;
                }
                (Some(Step::One), Some(_)) => true,
                (Some(Step::Char(c)), Some(next)) => *c == next,
                _ => false,
            };
            if advanced {
                step += 1;
                rest = &rest[next.map_or(0, char::len_utf8)..];
                continue;
            }
            let Some((from, at)) = retry else {
                return false;
            };
            let Some(skipped) = at.chars().next() else {
                return false;
            };
            let at = &at[skipped.len_utf8()..];
            retry = Some((from, at));
            step = from;
            rest = at;
        }
    }
}

fn like(args: &Args) -> Result<ArrayRef> {
    let (text, pattern) = (args.strs(0)?, args.strs(1)?);
    let escape = args.has(2).then(|| args.strs(2)).transpose()?;
    let escape_at = |row: usize| match &escape {
        Some(escape) => escape.get(row).map(Some),
        None => Some(None),
    };
    let constant = match (
        pattern.literal().flatten(),
        args.scalar(2).is_some() || escape.is_none(),
    ) {
        (Some(pattern), true) => match escape_at(0) {
            Some(escape) => Some(Pattern::compile(pattern, escape)?),
            None => None,
        },
        _ => None,
    };
    booleans(args.rows, |row| {
        let (Some(text), Some(pattern), Some(escape)) =
            (text.get(row), pattern.get(row), escape_at(row))
        else {
            return Ok(None);
        };
        Ok(Some(match &constant {
            Some(compiled) => compiled.matches(text),
            None => Pattern::compile(pattern, escape)?.matches(text),
        }))
    })
}

// ---- Encodings ----

fn push_hex(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

fn hex(args: &Args) -> Result<ArrayRef> {
    if args.data_type(0) == DataType::Int64 {
        let value = args.prims::<Int64Type>(0)?;
        return strings(args.rows, |row, out| {
            use std::fmt::Write;
            Ok(value
                .get(row)
                .map(|value| write!(out, "{value:X}"))
                .is_some())
        });
    }
    let bytes = bytes_of(args, 0)?;
    strings(args.rows, |row, out| {
        let start = out.len();
        let found = bytes.get(row).map(|bytes| push_hex(bytes, out)).is_some();
        out[start..].make_ascii_uppercase();
        Ok(found)
    })
}

fn unhex(text: &str, out: &mut Vec<u8>) -> bool {
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let bytes = text.as_bytes();
    let (first, rest) = bytes.split_at(bytes.len() % 2);
    if let [odd] = first {
        match digit(*odd) {
            Some(value) => out.push(value),
            None => return false,
        }
    }
    for pair in rest.chunks_exact(2) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => out.push(high << 4 | low),
            _ => return false,
        }
    }
    true
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn base64(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (i, byte)| {
            word | u32::from(*byte) << (16 - 8 * i)
        });
        for i in 0..4 {
            if i <= chunk.len() {
                out.push(char::from(BASE64[(word >> (18 - 6 * i)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    if text.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.chunks(4) {
        let mut word = 0_u32;
        for (i, byte) in chunk.iter().enumerate() {
            let digit = BASE64.iter().position(|b| b == byte)? as u32;
            word |= digit << (18 - 6 * i);
        }
        out.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    Some(out)
}

fn encode(text: &str, charset: &str, out: &mut Vec<u8>) -> Result<()> {
    match charset.to_ascii_uppercase().as_str() {
        "UTF-8" => out.extend_from_slice(text.as_bytes()),
        "US-ASCII" => out.extend(
            text.chars()
                .map(|c| if c.is_ascii() { c as u8 } else { b'?' }),
        ),
        "ISO-8859-1" => {
            out.extend(
                text.chars()
                    .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')),
            );
        }
        "UTF-16BE" => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
        "UTF-16LE" => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        "UTF-16" => {
            out.extend_from_slice(&[0xfe, 0xff]);
            out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        }
        _ => return unsupported_charset(charset),
    }
    Ok(())
}

fn decode(bytes: &[u8], charset: &str, out: &mut String) -> Result<()> {
    let wide = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|b| from([b[0], b[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match charset.to_ascii_uppercase().as_str() {
        "UTF-8" => out.push_str(&String::from_utf8_lossy(bytes)),
        "US-ASCII" => out.extend(bytes.iter().map(|&b| {
            if b.is_ascii() {
                char::from(b)
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })),
        "ISO-8859-1" => out.extend(bytes.iter().map(|&b| char::from(b))),
        "UTF-16BE" => out.push_str(&wide(bytes, u16::from_be_bytes)),
        "UTF-16LE" => out.push_str(&wide(bytes, u16::from_le_bytes)),
        "UTF-16" => match bytes {
            [0xff, 0xfe, rest @ ..] => out.push_str(&wide(rest, u16::from_le_bytes)),
            [0xfe, 0xff, rest @ ..] => out.push_str(&wide(rest, u16::from_be_bytes)),
            all => out.push_str(&wide(all, u16::from_be_bytes)),
        },
        _ => return unsupported_charset(charset),
    }
    Ok(())
}

fn unsupported_charset<T>(charset: &str) -> Result<T> {
    exec_err!(
        "The character set '{charset}' is not supported; use US-ASCII, ISO-8859-1, UTF-8, \
         UTF-16BE, UTF-16LE or UTF-16"
    )
}

fn digest(
    name: &'static str,
    f: impl Fn(&[u8], &mut String) + Send + Sync + 'static,
) -> FlinkFunction {
    FlinkFunction::of(name, &[&[Str], &[Bin]], Out::Strict(STRING), move |args| {
        let bytes = bytes_of(args, 0)?;
        strings(args.rows, |row, out| {
            Ok(bytes.get(row).map(|bytes| f(bytes, out)).is_some())
        })
    })
}

/// Pads a message to blocks of 64 bytes with its length in bits at the end, and feeds them.
fn blocks(message: &[u8], length: [u8; 8], mut feed: impl FnMut(&[u8])) {
    let whole = message.len() / 64 * 64;
    message[..whole].chunks_exact(64).for_each(&mut feed);
    let rest = &message[whole..];
    let mut tail = [0_u8; 128];
    tail[..rest.len()].copy_from_slice(rest);
    tail[rest.len()] = 0x80;
    let end = if rest.len() < 56 { 64 } else { 128 };
    tail[end - 8..end].copy_from_slice(&length);
    tail[..end].chunks_exact(64).for_each(&mut feed);
}

/// MD5 (RFC 1321).
fn md5(message: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [
        [7, 12, 17, 22],
        [5, 9, 14, 20],
        [4, 11, 16, 23],
        [6, 10, 15, 21],
    ];
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let bits = (message.len() as u64).wrapping_mul(8);
    blocks(message, bits.to_le_bytes(), |block| {
        let word = |i: usize| {
            u32::from_le_bytes([
                block[4 * i],
                block[4 * i + 1],
                block[4 * i + 2],
                block[4 * i + 3],
            ])
        };
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64_usize {
            let (f, g) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), 7 * i % 16),
            };
            // RFC 1321: the table is 2^32 · |sin(i + 1)|.
            let table = (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(f).wrapping_add(table).wrapping_add(word(g));
            a = d;
            d = c;
            c = b;
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (s, v) in state.iter_mut().zip([a, b, c, d]) {
            *s = s.wrapping_add(v);
        }
    });
    let mut out = [0; 16];
    for (chunk, word) in out.chunks_exact_mut(4).zip(state) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    out
}

/// SHA-1 (FIPS 180-4).
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state = [
        0x6745_2301_u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let bits = (message.len() as u64).wrapping_mul(8);
    blocks(message, bits.to_be_bytes(), |block| {
        let mut w = [0_u32; 80];
        for (i, chunk) in block.chunks_exact(4).enumerate() {
            w[i] = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        }
        for i in 16..80 {
            w[i] = (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (i, word) in w.iter().enumerate() {
            let (f, k) = match i / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(f)
                .wrapping_add(e)
                .wrapping_add(k)
                .wrapping_add(*word);
            e = d;
            d = c;
            c = b.rotate_left(30);
            b = a;
            a = next;
        }
        for (s, v) in state.iter_mut().zip([a, b, c, d, e]) {
            *s = s.wrapping_add(v);
        }
    });
    let mut out = [0; 20];
    for (chunk, word) in out.chunks_exact_mut(4).zip(state) {
        chunk.copy_from_slice(&word.to_be_bytes());
    }
    out
}

// ---- PRINTF ----

fn resolve_printf(call: &Call<'_>) -> Result<Resolved> {
    let first = call
        .types
        .first()
        .is_some_and(|ty| ty.is_string() || ty.kind == TypeKind::Null);
    if !first {
        return Err(call.mismatch("PRINTF(format <CHARACTER_STRING>, obj <ANY>...)"));
    }
    let mut args: Vec<TypeKind> = call.types.iter().map(|ty| ty.kind.clone()).collect();
    args[0] = STRING;
    Ok(Resolved {
        args,
        result: FlinkType::string(),
    })
}

/// Java's `String.format` for `%s %d %f %b %c %x %X %o %e %n %%` with flags, width and precision.
/// A wrong format gives NULL.
fn printf(args: &Args) -> Result<ArrayRef> {
    let format = args.strs(0)?;
    let values = (1..args.len())
        .map(|index| {
            let ty = args.ty(index);
            Ok((printf_formatter(&ty), ty, args.any(index)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut text = String::new();
    strings(args.rows, |row, out| {
        let Some(format) = format.get(row) else {
            return Ok(false);
        };
        let mut next = 0;
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut flags = String::new();
            while let Some(flag) = chars.next_if(|c| "-#+ 0,(".contains(*c)) {
                flags.push(flag);
            }
            let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
                let mut value = None;
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    let digit = digit as usize - '0' as usize;
                    value = Some((value.unwrap_or(0) * 10 + digit).min(1_000_000));
                }
                value
            };
            let width = number(&mut chars).unwrap_or(0);
            let precision = if chars.next_if_eq(&'.').is_some() {
                number(&mut chars)
            } else {
                None
            };
            let Some(conversion) = chars.next() else {
                return Ok(false);
            };
            match conversion {
                '%' => {
                    out.push('%');
                    continue;
                }
                'n' => {
                    out.push('\n');
                    continue;
                }
                _ => {}
            }
            let Some((formatter, ty, rows)) = values.get(next) else {
                return Ok(false);
            };
            next += 1;
            text.clear();
            let Some(at) = rows.at(row) else {
                push_padded("null", &flags, width, false, out);
                continue;
            };
            formatter.write(rows.array.as_ref(), at, &mut text);
            let numeric = ty.is_numeric();
            let fits = match conversion {
                's' | 'S' => {
                    if ty.is_timestamp() && text.ends_with('Z') {
                        text.pop();
                    }
                    if let Some(precision) = precision {
                        let end = offset_of(&text, precision);
                        text.truncate(end);
                    }
                    true
                }
                'b' | 'B' => {
                    if ty.kind != TypeKind::Boolean {
                        text.replace_range(.., "true");
                    }
                    true
                }
                'd' => ty.is_integer(),
                'x' | 'X' | 'o' => match text.parse::<i64>() {
                    Ok(value) if ty.is_integer() => {
                        let bits = match ty.kind {
                            TypeKind::TinyInt => u64::from(value as u8),
                            TypeKind::SmallInt => u64::from(value as u16),
                            TypeKind::Int => u64::from(value as u32),
                            _ => value as u64,
                        };
                        text = match conversion {
                            'o' => format!("{bits:o}"),
                            'X' => format!("{bits:X}"),
                            _ => format!("{bits:x}"),
                        };
                        true
                    }
                    _ => false,
                },
                'f' | 'e' if numeric && !ty.is_integer() => match text.parse::<f64>() {
                    Ok(value) => {
                        let digits = precision.unwrap_or(6);
                        text = if conversion == 'f' {
                            format!("{value:.digits$}")
                        } else {
                            let scientific = format!("{value:.digits$e}");
                            let (mantissa, exponent) =
                                scientific.split_once('e').unwrap_or((&scientific, "0"));
                            let exponent: i32 = exponent.parse().unwrap_or(0);
                            let sign = if exponent < 0 { '-' } else { '+' };
                            format!("{mantissa}e{sign}{:02}", exponent.abs())
                        };
                        true
                    }
                    Err(_) => false,
                },
                'c' => ty.is_string() && text.chars().count() == 1,
                _ => false,
            };
            if !fits {
                return Ok(false);
            }
            if conversion.is_ascii_uppercase() {
                text = text.to_uppercase();
            }
            if numeric && !text.starts_with('-') && matches!(conversion, 'd' | 'f' | 'e') {
                if flags.contains('+') {
                    text.insert(0, '+');
                } else if flags.contains(' ') {
                    text.insert(0, ' ');
                }
            }
            push_padded(&text, &flags, width, numeric && conversion != 's', out);
        }
        Ok(true)
    })
}

/// Flink hands PRINTF its internal values: days, milliseconds.
fn printf_formatter(ty: &FlinkType) -> Formatter {
    Formatter::new(ty, Style::Row).internal()
}

fn push_padded(text: &str, flags: &str, width: usize, numeric: bool, out: &mut String) {
    let missing = width.saturating_sub(text.chars().count());
    if flags.contains('-') {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else if numeric && flags.contains('0') {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+', ' '])));
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(digits);
    } else {
        out.extend(std::iter::repeat_n(' ', missing));
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{call, column, failure, int, literal, null, one, strings, text, type_of};

    #[test]
    fn case_and_length_count_characters() {
        let words = column("STRING", &[Some("straße"), Some(""), None]);
        assert_eq!(
            call("upper", std::slice::from_ref(&words)),
            ["STRASSE", "", "null"]
        );
        assert_eq!(
            call("char_length", std::slice::from_ref(&words)),
            ["6", "0", "null"]
        );
        assert_eq!(
            call("octet_length", std::slice::from_ref(&words)),
            ["7", "0", "null"]
        );
        assert_eq!(call("reverse", &[words]), ["eßarts", "", "null"]);
        assert_eq!(one("initcap", &[text("hello wORLD-x")]), "Hello World-X");
        assert_eq!(one("ascii", &[text("a")]), "97");
        assert_eq!(one("chr", &[int(97)]), "a");
        assert_eq!(type_of("upper", &[text("a")]), "STRING NOT NULL");
        assert!(failure("upper", &[int(1)]).contains("UPPER(INT)"));
        assert!(failure("upper", &[]).contains("UPPER(<CHARACTER_STRING>)"));
    }

    #[test]
    fn substrings_start_at_one() {
        let word = text("héllo");
        for (start, length, expected) in [
            (1, Some(2), "hé"),
            (0, Some(2), "hé"),
            (-3, None, "llo"),
            (2, Some(100), "éllo"),
            (9, Some(1), ""),
            (-9, Some(1), ""),
            (2, Some(-1), "null"),
        ] {
            let mut args = vec![word.clone(), int(start)];
            args.extend(length.map(int));
            assert_eq!(one("substring", &args), expected, "{start} {length:?}");
        }
        assert_eq!(one("left", &[word.clone(), int(2)]), "hé");
        assert_eq!(one("right", &[word.clone(), int(2)]), "lo");
        assert_eq!(one("right", &[word.clone(), int(0)]), "");
        assert_eq!(one("overlay", &[word.clone(), text("XX"), int(2)]), "hXXlo");
        assert_eq!(
            one("overlay", &[word.clone(), text("X"), int(2), int(3)]),
            "hXo"
        );
        assert_eq!(one("overlay", &[word.clone(), text("X"), int(9)]), "héllo");
        assert_eq!(one("locate", &[text("l"), word.clone(), int(4)]), "4");
        assert_eq!(one("locate", &[text("l"), word.clone()]), "3");
        assert_eq!(one("__position", &[text("z"), word.clone()]), "0");
        assert_eq!(one("instr", &[word, text("o")]), "5");
    }

    #[test]
    fn joining_and_splitting() {
        assert_eq!(one("concat", &[text("a"), text("b"), null()]), "null");
        assert_eq!(
            one("concat_ws", &[text("-"), text("a"), null(), text("b")]),
            "a-b"
        );
        assert_eq!(one("concat_ws", &[null(), text("a")]), "null");
        let csv = strings(&["a,b,c", "x"]);
        assert_eq!(
            call("split_index", &[csv.clone(), text(","), int(2)]),
            ["c", "null"]
        );
        assert_eq!(
            call("split_index", &[csv.clone(), int(44), int(0)]),
            ["a", "x"]
        );
        assert_eq!(
            call("split_index", &[csv.clone(), text(","), int(-1)]),
            ["null", "null"]
        );
        assert_eq!(
            call("replace", &[csv, text(","), text("; ")]),
            ["a; b; c", "x"]
        );
        assert_eq!(one("repeat", &[text("ab"), int(3)]), "ababab");
        assert_eq!(one("lpad", &[text("7"), int(3), text("ab")]), "ab7");
        assert_eq!(one("rpad", &[text("abcd"), int(2), text("x")]), "ab");
        assert_eq!(one("rpad", &[text("a"), int(-2), text("x")]), "null");
        assert_eq!(one("btrim", &[text("xxaxx"), text("x")]), "a");
        assert_eq!(one("ltrim", &[text("  a ")]), "a ");
        assert_eq!(
            one("translate", &[text("hello"), text("el"), text("i")]),
            "hio"
        );
        assert_eq!(one("elt", &[int(2), text("a"), text("b")]), "b");
        assert_eq!(one("elt", &[int(3), text("a"), text("b")]), "null");
        assert_eq!(one("startswith", &[text("abc"), text("ab")]), "true");
        assert_eq!(one("endswith", &[text("abc"), text("ab")]), "false");
    }

    #[test]
    fn like_takes_any_escape() {
        for (value, pattern, escape, expected) in [
            ("abc", "a%c", None, "true"),
            ("abc", "a_", None, "false"),
            ("ab", "a_", None, "true"),
            ("a%c", "a!%c", Some("!"), "true"),
            ("abc", "a!%c", Some("!"), "false"),
            ("a\\c", "a\\c", None, "true"),
            ("aXbXc", "%X%c", None, "true"),
            ("aXbXd", "%X%c", None, "false"),
            ("", "%", None, "true"),
        ] {
            let mut args = vec![text(value), text(pattern)];
            args.extend(escape.map(text));
            assert_eq!(one("__like", &args), expected, "{value} LIKE {pattern}");
        }
        let wrong = failure("__like", &[text("a"), text("a!b"), text("!")]);
        assert!(
            wrong.contains("Invalid escape sequence 'a!b', 1"),
            "{wrong}"
        );
        assert!(failure("__like", &[text("a"), text("a"), text("!!")]).contains("'!!'"));
    }

    #[test]
    fn digests_and_encodings() {
        // The test vectors of RFC 1321 and FIPS 180-4.
        assert_eq!(
            one("md5", &[text("abc")]),
            "900150983cd24fb0d6963f7d28e17f72"
        );
        assert_eq!(one("md5", &[text("")]), "d41d8cd98f00b204e9800998ecf8427e");
        let long =
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890";
        assert_eq!(
            one("md5", &[text(long)]),
            "57edf4a22be3c955ac49da2e2107b67a"
        );
        assert_eq!(
            one("sha1", &[text("abc")]),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            one(
                "sha1",
                &[text(
                    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
                )]
            ),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        assert_eq!(
            one("sha2", &[text("abc"), int(256)]),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(failure("sha2", &[text("abc"), int(1)]).contains("not supported"));
        assert_eq!(one("to_base64", &[text("hello")]), "aGVsbG8=");
        assert_eq!(one("from_base64", &[text("aGVsbG8=")]), "hello");
        assert!(failure("from_base64", &[text("a?")]).contains("not Base64"));
        assert_eq!(one("hex", &[int(255)]), "FF");
        assert_eq!(one("hex", &[text("hi")]), "6869");
        assert_eq!(one("unhex", &[text("F0a")]), "[15, 10]");
        assert_eq!(one("unhex", &[text("xy")]), "null");
        assert_eq!(one("bin", &[int(5)]), "101");
        assert_eq!(one("encode", &[text("ä"), text("ISO-8859-1")]), "[-28]");
        assert!(failure("encode", &[text("ä"), text("KLINGON")]).contains("KLINGON"));
    }

    #[test]
    fn printf_formats_as_java() {
        let formatted = |format: &str, value| one("printf", &[text(format), value]);
        assert_eq!(formatted("%05d|", int(-42)), "-0042|");
        assert_eq!(formatted("%-5s|", text("ab")), "ab   |");
        assert_eq!(formatted("%+.2f", literal("DOUBLE", "1.005")), "+1.00");
        assert_eq!(formatted("%x", int(-1)), "ffffffff");
        assert_eq!(
            formatted("%.3e", literal("DOUBLE", "12345.678")),
            "1.235e+04"
        );
        assert_eq!(formatted("100%% %s", text("x")), "100% x");
        assert_eq!(
            formatted("%d", text("x")),
            "null",
            "a wrong conversion is NULL"
        );
        assert_eq!(
            formatted("%s %s", text("x")),
            "null",
            "so is a missing value"
        );
    }
}
