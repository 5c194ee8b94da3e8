//! What is bought, with which cards, for how much, and how often.

use std::collections::BTreeMap;

use pointsman_iso8583::{FieldSet, Mti};
use pointsman_sim_common::{Card, amount_minor};
use serde::Deserialize;

/// One kind of request.
#[derive(Clone, Debug)]
pub struct MixItem {
    /// What the report calls it.
    pub name: String,
    /// The type of the request.
    pub mti: Mti,
    /// The card.
    pub card: Card,
    /// Smallest and largest amount, minor units; each request draws one.
    pub amount: (u64, u64),
    /// How often it comes, in proportion to the others.
    pub weight: u32,
    /// Fields that differ from the usual ones, in the words of `field_value`; `None` leaves one out.
    pub fields: BTreeMap<u8, Option<String>>,
}

impl MixItem {
    /// Purchases with a card, 0200, 1.00 to 100.00.
    #[must_use]
    pub fn purchases(name: &str, card: Card) -> Self {
        MixItem {
            name: name.to_owned(),
            mti: Mti::literal(b"0200"),
            card,
            amount: (100, 10_000),
            weight: 1,
            fields: BTreeMap::new(),
        }
    }
}

/// At least one kind of request.
#[derive(Clone, Debug)]
pub struct Mix {
    items: Vec<MixItem>,
    /// Running sums of the weights.
    sums: Vec<u64>,
}

/// A mix that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MixError(String);

impl Mix {
    /// # Errors
    /// There is nothing in it, or nothing that would ever come.
    pub fn new(items: Vec<MixItem>) -> Result<Self, MixError> {
        let sums: Vec<_> = items
            .iter()
            .scan(0_u64, |sum, item| {
                *sum += u64::from(item.weight);
                Some(*sum)
            })
            .collect();
        if sums.last().is_none_or(|sum| *sum == 0) {
            return Err(MixError(
                "a mix needs at least one request with a weight above 0".to_owned(),
            ));
        }
        if let Some(item) = items.iter().find(|item| item.amount.0 > item.amount.1) {
            return Err(MixError(format!(
                "{}: the first amount is the larger one",
                item.name
            )));
        }
        Ok(Mix { items, sums })
    }

    /// All kinds of requests.
    #[must_use]
    pub fn items(&self) -> &[MixItem] {
        &self.items
    }

    /// Draws a kind and an amount.
    pub(crate) fn draw(&self, random: &mut Random) -> (usize, u64) {
        let total = self.sums.last().copied().unwrap_or(1);
        let ticket = random.below(total);
        let index = self.sums.partition_point(|sum| *sum <= ticket);
        let (low, high) = self.items.get(index).map_or((0, 0), |item| item.amount);
        (index, low + random.below(high - low + 1))
    }
}

/// A small generator (splitmix64): the same seed draws the same.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `limit - 1`, by the multiplication of Lemire; its bias is below 2⁻²⁴ for anything asked here.
    fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    request: Vec<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    name: Option<String>,
    #[serde(default = "purchase")]
    mti: String,
    card: String,
    #[serde(default = "usual_amount")]
    amount: String,
    #[serde(default = "once")]
    weight: u32,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
}

/// The text of a field, or `false` for none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Present(bool),
}

fn purchase() -> String {
    "0200".to_owned()
}

fn usual_amount() -> String {
    "1.00-100.00".to_owned()
}

fn once() -> u32 {
    1
}

/// Reads a file of `[[request]]` tables.
///
/// # Errors
/// All mistakes at once.
pub fn mix_from_toml(text: &str) -> Result<Mix, Vec<MixError>> {
    let document: Document = toml::from_str(text)
        .map_err(|error| vec![MixError(error.to_string().trim_end().to_owned())])?;
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    for (index, source) in document.request.into_iter().enumerate() {
        let name = source
            .name
            .clone()
            .unwrap_or_else(|| source.card.trim_start_matches("test:").to_owned());
        match compile(&name, source) {
            Ok(item) => items.push(item),
            Err(message) => errors.push(MixError(format!(
                "request {} ({name}): {message}",
                index + 1
            ))),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Mix::new(items).map_err(|error| vec![error])
}

fn compile(name: &str, source: Source) -> Result<MixItem, String> {
    let mti: Mti = source
        .mti
        .parse()
        .map_err(|error| format!("mti: `{}`: {error}", source.mti))?;
    if mti.response().is_none() {
        return Err(format!("mti: {mti} is an answer, nobody answers it"));
    }
    let mut fields = BTreeMap::new();
    for (field, value) in source.fields {
        let number = field
            .parse()
            .ok()
            .filter(|number| (2..=FieldSet::NUMBER_MAX).contains(number))
            .ok_or_else(|| format!("fields: `{field}` is not the number of a field, 2 to 192"))?;
        let value = match value {
            Value::Text(text) => Some(text),
            Value::Present(false) => None,
            Value::Present(true) => Some("auto".to_owned()),
        };
        fields.insert(number, value);
    }
    Ok(MixItem {
        name: name.to_owned(),
        mti,
        card: card(&source.card)?,
        amount: amounts(&source.amount)?,
        weight: source.weight,
        fields,
    })
}

/// A test card, or a number in full.
pub(crate) fn card(text: &str) -> Result<Card, String> {
    match Card::from_value(text) {
        Some(card) => card.map_err(|error| error.to_string()),
        None => Card::with_pan(text)
            .ok_or_else(|| "card: expected test:NAME, test:BIN or up to 19 digits".to_owned()),
    }
}

/// `10.00` or `1.00-100.00`.
pub(crate) fn amounts(text: &str) -> Result<(u64, u64), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let read = |part| amount_minor(part).map_err(|error| format!("amount: {error}"));
    match (read(low)?, read(high)?) {
        (low, high) if low <= high => Ok((low, high)),
        _ => Err(format!(
            "amount: `{text}`: the first amount is the larger one"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_amounts_are_kept() {
        let mix = mix_from_toml(
            r#"
            [[request]]
            card = "test:visa"
            weight = 3
            amount = "1.00-2.00"

            [[request]]
            name = "checks"
            mti = "0100"
            card = "test:51"
            amount = "5.00"
            fields = { 55 = false, 48 = "loyalty", 32 = "12345" }
            "#,
        )
        .unwrap();
        assert_eq!(mix.items()[0].name, "visa");
        assert_eq!(mix.items()[1].fields[&55], None);
        let mut random = Random::new(1);
        let mut counts = [0; 2];
        for _ in 0..10_000 {
            let (item, amount) = mix.draw(&mut random);
            counts[item] += 1;
            assert!(if item == 0 {
                (100..=200).contains(&amount)
            } else {
                amount == 500
            });
        }
        assert!((7_300..7_700).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn mistakes_are_told_together() {
        let errors = mix_from_toml(
            r#"
            [[request]]
            card = "test:viza"
            [[request]]
            card = "test:visa"
            mti = "0210"
            [[request]]
            card = "test:visa"
            amount = "2.00-1.00"
            [[request]]
            card = "test:visa"
            fields = { 1 = "x" }
            "#,
        )
        .unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert!(
            texts[0].starts_with("request 1 (viza): no such test card"),
            "{}",
            texts[0]
        );
        assert_eq!(
            texts[1],
            "request 2 (visa): mti: 0210 is an answer, nobody answers it"
        );
        assert_eq!(
            texts[2],
            "request 3 (visa): amount: `2.00-1.00`: the first amount is the larger one"
        );
        assert_eq!(
            texts[3],
            "request 4 (visa): fields: `1` is not the number of a field, 2 to 192"
        );
        assert!(mix_from_toml("[[request]]\ncard = \"test:visa\"\nweight = 0\n").is_err());
    }
}
