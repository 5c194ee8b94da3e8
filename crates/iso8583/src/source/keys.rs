//! The keys of a dialect's TOML, section by section: what the reader knows, what it suggests for a slip, and what the JSON
//! Schema for editors is made of.

use super::words::{
    BINARY_WORDS, BITMAP_WORDS, COUNTS_WORDS, DEMAND_WORDS, DIGIT_WORDS, ENCODING_WORDS,
    FILLER_WORDS, HEADER_WORDS, LAYOUT_WORDS, MTI_WORDS, PAD_WORDS, PREFIX_WORDS, SENSITIVE_WORDS,
    TAG_NAMES_WORDS, TERTIARY_WORDS, TEXT_WORDS, names,
};

/// A table of the file: its name as people write it, and its keys.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
}

/// A key: what it means, for editors, and what its value is.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One line of text.
    Line,
    /// The name of a built-in dialect, or a file.
    Extends,
    /// A list of field numbers.
    Numbers,
    /// One of them.
    Number,
    Hex,
    Bool,
    Character,
    Words(fn() -> Vec<&'static str>),
    /// A field's type.
    Type,
    /// A response code.
    Code,
    /// A table with these keys.
    Table(&'static Section),
    /// Tables by field number.
    Fields,
    /// Tables by message type.
    Messages,
    /// A list of rules with conditions.
    Conditional,
    /// What must hold.
    When,
    /// A list of values that a field may have.
    Values,
    /// Tables by the names of layouts.
    Layouts,
    /// The name of a layout; none if `false`.
    Layout,
    /// Which layout a field has when.
    Choices,
    /// A list of message types.
    Mtis,
    /// A length, or a list of them.
    Lengths,
    /// Any text that is not empty.
    Text,
    /// A list of parts.
    PartList,
    /// Parts by tag.
    PartTable,
    /// The one or the other.
    Parts,
    /// A type, or a content class alone.
    PartType,
    /// How a tag or a length is written: a content class and a digit.
    Width,
    /// A number from 1.
    Count,
}

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, about, kind }
}

// How a field is written, a part of one, and what does not say it.
const PREFIX: Key = key(
    "prefix",
    Kind::Words(|| names(&PREFIX_WORDS)),
    "How the length is written.",
);
const COUNTS: Key = key(
    "counts",
    Kind::Words(|| names(&COUNTS_WORDS)),
    "What the length counts.",
);
const PAD: Key = key(
    "pad",
    Kind::Words(|| names(&PAD_WORDS)),
    "Where the filler nibble of an odd count of packed digits stands.",
);
const FILLER: Key = key(
    "filler",
    Kind::Words(|| names(&FILLER_WORDS)),
    "What that nibble is.",
);

pub(super) const ROOT: Section = Section {
    title: "the file",
    keys: &[
        key("name", Kind::Line, "The dialect's own name."),
        key("description", Kind::Line, "One line about it."),
        key(
            "extends",
            Kind::Extends,
            "What it takes over: a built-in dialect, or a file beside this one whose name ends with .toml. Every other key replaces what was inherited.",
        ),
        key(
            "echo",
            Kind::Numbers,
            "The fields that the switch's own declines copy from the request.",
        ),
        key(
            "message",
            Kind::Table(&MESSAGE),
            "What stands before the fields.",
        ),
        key(
            "defaults",
            Kind::Table(&DEFAULTS),
            "How fields are written that do not say it.",
        ),
        key(
            "response_codes",
            Kind::Table(&RESPONSE_CODES),
            "What field 39 holds when the switch itself answers.",
        ),
        key(
            "fields",
            Kind::Fields,
            "The fields by their numbers; false takes an inherited one out.",
        ),
        key(
            "messages",
            Kind::Messages,
            "Which fields a message must have, must not have, and gives back, by message types: \"0200\", \"0x10\" for any digit, \"0[12]00\" for some, several with commas between.",
        ),
        key(
            "layouts",
            Kind::Layouts,
            "What stands inside of fields, by names that fields refer to; false takes an inherited one out.",
        ),
    ],
};

pub(super) const MESSAGE: Section = Section {
    title: "[message]",
    keys: &[
        key(
            "header",
            Kind::Hex,
            "What stands before the MTI in messages of one's own, in hex.",
        ),
        key(
            "header_kind",
            Kind::Words(|| names(&HEADER_WORDS)),
            "What the bytes of the header are.",
        ),
        key(
            "mti",
            Kind::Words(|| names(&MTI_WORDS)),
            "How the message type is written.",
        ),
        key(
            "bitmap",
            Kind::Words(|| names(&BITMAP_WORDS)),
            "How bitmaps are written.",
        ),
        key(
            "secondary_bitmap",
            Kind::Bool,
            "May bit 1 announce fields 65 to 128? false takes out those that were inherited.",
        ),
        key(
            "tertiary_bitmap",
            Kind::Words(|| names(&TERTIARY_WORDS)),
            "May bit 65 announce fields 129 to 192, and where does that bitmap stand: where a field 65 would, or directly behind the second bitmap? none takes out those that were inherited.",
        ),
    ],
};

pub(super) const DEFAULTS: Section = Section {
    title: "[defaults]",
    keys: &[
        key(
            "digits",
            Kind::Words(|| names(&DIGIT_WORDS)),
            "How n fields are written.",
        ),
        key(
            "track",
            Kind::Words(|| names(&DIGIT_WORDS)),
            "How z fields are written.",
        ),
        key(
            "text",
            Kind::Words(|| names(&TEXT_WORDS)),
            "How a, an, ans, ns and x+n fields are written.",
        ),
        key(
            "binary",
            Kind::Words(|| names(&BINARY_WORDS)),
            "How b fields are written.",
        ),
        key(
            "prefix",
            Kind::Words(|| names(&PREFIX_WORDS)),
            "How lengths are written.",
        ),
        key(
            "counts",
            Kind::Words(|| names(&COUNTS_WORDS)),
            "What a length counts.",
        ),
        PAD,
        FILLER,
    ],
};

/// One for each [`crate::Reason`], see the test.
pub(super) const RESPONSE_CODES: Section = Section {
    title: "[response_codes]",
    keys: &[
        key(
            "format_error",
            Kind::Code,
            "The message could not be read, or breaks a rule.",
        ),
        key(
            "invalid_transaction",
            Kind::Code,
            "A message that is never right here.",
        ),
        key("no_route", Kind::Code, "No route for this card."),
        key(
            "link_down",
            Kind::Code,
            "The destination cannot be reached.",
        ),
        key(
            "link_busy",
            Kind::Code,
            "The destination has as much in flight as it may.",
        ),
        key(
            "timeout",
            Kind::Code,
            "The destination did not answer in time.",
        ),
        key(
            "answer_undecodable",
            Kind::Code,
            "The destination's answer could not be read.",
        ),
        key(
            "system_malfunction",
            Kind::Code,
            "Something of our own failed.",
        ),
        key(
            "not_supported",
            Kind::Code,
            "A message type that is not supported here.",
        ),
        key(
            "terminal_unknown",
            Kind::Code,
            "A terminal that is not known here.",
        ),
        key("duplicate", Kind::Code, "The same request came before."),
    ],
};

pub(super) const FIELD: Section = Section {
    title: "a field",
    keys: &[
        key("name", Kind::Line, "What to call it."),
        key(
            "type",
            Kind::Type,
            "Content a, n, an, ans, ns, x+n, z or b, then the length: n6 is fixed, the dots of n..19 are the digits of a length prefix.",
        ),
        key(
            "encoding",
            Kind::Words(|| names(&ENCODING_WORDS)),
            "How the value is written.",
        ),
        PREFIX,
        COUNTS,
        PAD,
        FILLER,
        key(
            "fill",
            Kind::Character,
            "What a value that is shorter than its fixed field is filled with when it is written.",
        ),
        key(
            "fill_side",
            Kind::Words(|| names(&PAD_WORDS)),
            "Where it is filled.",
        ),
        key(
            "strip",
            Kind::Bool,
            "Is the fill taken off when the value is read?",
        ),
        key(
            "sensitive",
            Kind::Words(|| names(&SENSITIVE_WORDS)),
            "What is hidden when the field is shown. If it is not given, the field's number decides.",
        ),
        key(
            "layout",
            Kind::Layout,
            "What stands inside of it in every message; false: nothing.",
        ),
        key(
            "layouts",
            Kind::Choices,
            "What stands inside of it depending on the message: the first choice whose conditions all hold.",
        ),
    ],
};

/// Which layout a field has when.
pub(super) const CHOICE: Section = Section {
    title: "a choice of a layout",
    keys: &[
        key("use", Kind::Layout, "The layout of the value then."),
        key(
            "mti",
            Kind::Mtis,
            "The types of the message, as in [messages].",
        ),
        key(
            "length",
            Kind::Lengths,
            "The length of the value, or several.",
        ),
        key("starts", Kind::Text, "How the value begins."),
        key(
            "when",
            Kind::When,
            "What must hold of fields that stand before this one.",
        ),
    ],
};

pub(super) const LAYOUT: Section = Section {
    title: "a layout",
    keys: &[
        key(
            "kind",
            Kind::Words(|| names(&LAYOUT_WORDS)),
            "How the parts stand in the value.",
        ),
        key(
            "parts",
            Kind::Parts,
            "The parts of a positional layout, in order; those of a bitmapped one by bit.",
        ),
        key(
            "leading",
            Kind::PartList,
            "Parts before the first tag of a tagged layout.",
        ),
        key(
            "tag",
            Kind::Width,
            "How a tag is written: n1 to n8, an1 to an8, ans1 to ans8, b1 to b4.",
        ),
        key(
            "tag_encoding",
            Kind::Words(|| names(&ENCODING_WORDS)),
            "How a tag is encoded in a b field.",
        ),
        key(
            "length",
            Kind::Width,
            "How a length is written: n1 to n5, b1 to b3.",
        ),
        key(
            "length_encoding",
            Kind::Words(|| names(&ENCODING_WORDS)),
            "How a length is encoded in a b field.",
        ),
        key(
            "counts",
            Kind::Words(|| names(&COUNTS_WORDS)),
            "What a length counts.",
        ),
        key(
            "tags",
            Kind::PartTable,
            "The parts by tag; those that are not named are kept.",
        ),
        key(
            "tag_names",
            Kind::Words(|| names(&TAG_NAMES_WORDS)),
            "Whose names the tags of BER-TLV have besides those given.",
        ),
        key(
            "bitmap",
            Kind::Words(|| names(&BITMAP_WORDS)),
            "How the bitmap of the layout is written.",
        ),
        key(
            "bitmap_bytes",
            Kind::Count,
            "How long the bitmap is, 8 if it is not given.",
        ),
        key(
            "count_includes_header",
            Kind::Bool,
            "Does the count of BASE24 tokens include their header?",
        ),
    ],
};

pub(super) const PART: Section = Section {
    title: "a part",
    keys: &[
        key("name", Kind::Line, "What to call it."),
        key(
            "type",
            Kind::PartType,
            "As of a field, or content alone: to the end of the value.",
        ),
        key(
            "encoding",
            Kind::Words(|| names(&ENCODING_WORDS)),
            "How the value is written in a b field.",
        ),
        PREFIX,
        COUNTS,
        PAD,
        FILLER,
        key(
            "sensitive",
            Kind::Words(|| names(&SENSITIVE_WORDS)),
            "What is hidden; without it what its field hides.",
        ),
        key("layout", Kind::Layout, "What stands inside of it."),
        key("optional", Kind::Bool, "May the value end before it?"),
        key(
            "repeat",
            Kind::Count,
            "It comes again, so many times at most.",
        ),
        key(
            "count",
            Kind::Count,
            "Which part before it, from 1, says how many times.",
        ),
    ],
};

/// What is said about messages of a type.
pub(super) const RULES: Section = Section {
    title: "the rules for a message",
    keys: &[
        key(
            "why",
            Kind::Line,
            "What to say about a field of this rule that is missing or must not be there.",
        ),
        key("mandatory", Kind::Numbers, "They must be there."),
        key(
            "optional",
            Kind::Numbers,
            "They may be there or not, whatever a rule for more types says.",
        ),
        key("forbidden", Kind::Numbers, "They must not be there."),
        key(
            "echoed",
            Kind::Numbers,
            "What an answer gives back as the request has it.",
        ),
        key("conditional", Kind::Conditional, "Rules with conditions."),
    ],
};

pub(super) const CONDITIONAL: Section = Section {
    title: "a rule with conditions",
    keys: &[
        key("fields", Kind::Numbers, "What it is about."),
        key(
            "demand",
            Kind::Words(|| names(&DEMAND_WORDS)),
            "What it demands of them; mandatory if it is not given.",
        ),
        key(
            "when",
            Kind::When,
            "What must hold: a table, or a list of which all must.",
        ),
        key("why", Kind::Line, "Why the rule is there."),
    ],
};

pub(super) const CONDITION: Section = Section {
    title: "a condition",
    keys: &[
        key("present", Kind::Numbers, "All of these fields are there."),
        key("absent", Kind::Numbers, "None of these fields is there."),
        key(
            "field",
            Kind::Number,
            "The field whose value is compared; it must be there.",
        ),
        key("is", Kind::Values, "The value is one of these."),
        key("is_not", Kind::Values, "The value is none of these."),
        key(
            "starts",
            Kind::Values,
            "The value begins with one of these.",
        ),
        key(
            "starts_not",
            Kind::Values,
            "The value begins with none of these.",
        ),
    ],
};

/// Where a misplaced key may belong.
pub(super) const SECTIONS: [&Section; 5] = [&ROOT, &MESSAGE, &DEFAULTS, &RESPONSE_CODES, &FIELD];

impl Section {
    pub(super) fn find(&self, name: &str) -> Option<&'static str> {
        let known = self.keys.iter().find(|key| key.name == name);
        known.map(|key| key.name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Reason;

    #[test]
    fn every_reason_has_its_key() {
        assert!(RESPONSE_CODES.names().eq(Reason::ALL.map(Reason::key)));
    }
}
