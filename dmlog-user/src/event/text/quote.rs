//! Quoted strings: what comes from outside as text is shown so that a terminal, a line and a shell see only harmless
//! characters, and can be read back exactly.

/// The text in double quotes; quotes, backslashes, control characters and everything invisible escaped.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(text, &mut out);
    out
}

pub(super) fn quote_into(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            // `escape_debug` escapes this one for Rust's own sake; here it is harmless.
            '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out.push('"');
}

/// The text between two quotes; `None` if an escape is not one that [`quote`] writes.
pub(super) fn unquote(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => {}
            // A bare quote would have ended the string.
            '"' => return None,
            _ => {
                out.push(c);
                continue;
            }
        }
        out.push(match rest.next()? {
            '"' => '"',
            '\\' => '\\',
            '0' => '\0',
            't' => '\t',
            'r' => '\r',
            'n' => '\n',
            'u' => unicode(&mut rest)?,
            _ => return None,
        });
    }
    Some(out)
}

fn unicode(rest: &mut std::str::Chars<'_>) -> Option<char> {
    const MAX_DIGITS: usize = 6;
    if rest.next()? != '{' {
        return None;
    }
    let mut value = 0;
    for place in 0..=MAX_DIGITS {
        match rest.next()? {
            '}' if place > 0 => return char::from_u32(value),
            digit => value = value * 16 + digit.to_digit(16)?,
        }
    }
    None
}
