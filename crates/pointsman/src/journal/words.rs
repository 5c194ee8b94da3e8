//! Each thing that happens to a transaction, in words.

pub(super) const WITHDRAWN: &str = "it was never sent: nothing is in doubt";

pub(super) fn asked(listener: &str, link: &str, link_stan: u32) -> String {
    let link = plain(link);
    match listener {
        "" => format!("for {link} as STAN {link_stan}"),
        listener => format!(
            "asked at {}, for {link} as STAN {link_stan}",
            plain(listener)
        ),
    }
}

pub(super) fn answered(link: &str, how: &str, response_code: &str, approval_code: &str) -> String {
    let (link, response_code) = (named(link), plain(response_code));
    match approval_code {
        "" => format!("{link} {how}: {response_code}"),
        code => format!(
            "{link} {how}: {response_code}, approval code {}",
            plain(code)
        ),
    }
}

pub(super) fn told_no(cause: &str) -> String {
    format!("the terminal was told no: {}", plain(cause))
}

pub(super) fn owes(link: &str, kind: &str, cause: &str) -> String {
    format!("a {kind} is due to {}: {}", plain(link), plain(cause))
}

pub(super) fn attempted(kind: &str, count: u32) -> String {
    match count {
        0 | 1 => format!("the {kind} is sent"),
        count => format!("the {kind} is sent, attempt {count}"),
    }
}

pub(super) fn became(link: &str, kind: &str, state: &str, detail: &str) -> String {
    let (link, detail) = (named(link), plain(detail));
    match state {
        "acknowledged" => format!("{link} has taken the {kind}: {detail}"),
        "refused" => format!("{link} refuses the {kind}, for ever: {detail}"),
        "expired" => format!("the {kind} has expired"),
        "dead_letter" => format!("the {kind} cannot be said: {detail}"),
        "dropped" => format!("{detail} gave the {kind} up"),
        _ => format!("{detail} put the {kind} back into the queue"),
    }
}

pub(super) fn observed(
    link: &str,
    what: &str,
    mti: &str,
    response_code: &str,
    detail: &str,
) -> String {
    let mut text = format!("{}: {what} answer", plain(link));
    if !mti.is_empty() {
        text.push_str(&format!(" {}", plain(mti)));
    }
    if !response_code.is_empty() {
        text.push_str(&format!(", code {}", plain(response_code)));
    }
    if !detail.is_empty() {
        text.push_str(&format!(": {}", plain(detail)));
    }
    text
}

pub(super) fn did(who: &str, action: &str, detail: &str) -> String {
    match detail {
        "" => format!("{}: {}", plain(who), plain(action)),
        detail => format!("{}: {}: {}", plain(who), plain(action), plain(detail)),
    }
}

fn named(link: &str) -> String {
    match link {
        "" => "the bank".to_owned(),
        link => plain(link),
    }
}

/// Text that others worded, which must not steer the terminal that shows it.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c.is_control() {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        })
        .collect()
}
