//! Currencies of ISO 4217: numeric code, alphabetic code and the decimals of the minor unit.

/// A currency as field 49, 50 or 51 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Currency {
    numeric: u16,
    pub(super) code: &'static str,
    decimals: u8,
}

impl Currency {
    /// By its three digits or its three letters.
    pub(super) fn find(text: &str) -> Option<&'static Currency> {
        match text.parse::<u16>() {
            Ok(numeric) if text.len() == 3 => {
                let place = CURRENCIES
                    .binary_search_by_key(&numeric, |currency| currency.numeric)
                    .ok()?;
                CURRENCIES.get(place)
            }
            _ => CURRENCIES.iter().find(|currency| currency.code == text),
        }
    }

    /// An amount in minor units, as people write it: `123456` is `1234.56 USD`, and `123456 JPY`.
    pub(super) fn amount(&self, minor_units: &str) -> String {
        let decimals = usize::from(self.decimals);
        let digits = format!(
            "{:0>width$}",
            minor_units.trim_start_matches('0'),
            width = decimals + 1
        );
        match digits.split_at_checked(digits.len() - decimals) {
            Some((whole, fraction)) if !fraction.is_empty() => {
                format!("{whole}.{fraction} {}", self.code)
            }
            _ => format!("{digits} {}", self.code),
        }
    }
}

const fn currency(numeric: u16, code: &'static str, decimals: u8) -> Currency {
    Currency {
        numeric,
        code,
        decimals,
    }
}

/// Ascending by numeric code.
const CURRENCIES: &[Currency] = &[
    currency(8, "ALL", 2),
    currency(12, "DZD", 2),
    currency(32, "ARS", 2),
    currency(36, "AUD", 2),
    currency(44, "BSD", 2),
    currency(48, "BHD", 3),
    currency(50, "BDT", 2),
    currency(51, "AMD", 2),
    currency(52, "BBD", 2),
    currency(60, "BMD", 2),
    currency(64, "BTN", 2),
    currency(68, "BOB", 2),
    currency(72, "BWP", 2),
    currency(84, "BZD", 2),
    currency(90, "SBD", 2),
    currency(96, "BND", 2),
    currency(104, "MMK", 2),
    currency(108, "BIF", 0),
    currency(116, "KHR", 2),
    currency(124, "CAD", 2),
    currency(132, "CVE", 2),
    currency(136, "KYD", 2),
    currency(144, "LKR", 2),
    currency(152, "CLP", 0),
    currency(156, "CNY", 2),
    currency(170, "COP", 2),
    currency(174, "KMF", 0),
    currency(188, "CRC", 2),
    currency(192, "CUP", 2),
    currency(203, "CZK", 2),
    currency(208, "DKK", 2),
    currency(214, "DOP", 2),
    currency(230, "ETB", 2),
    currency(232, "ERN", 2),
    currency(238, "FKP", 2),
    currency(242, "FJD", 2),
    currency(262, "DJF", 0),
    currency(270, "GMD", 2),
    currency(292, "GIP", 2),
    currency(320, "GTQ", 2),
    currency(324, "GNF", 0),
    currency(328, "GYD", 2),
    currency(332, "HTG", 2),
    currency(340, "HNL", 2),
    currency(344, "HKD", 2),
    currency(348, "HUF", 2),
    currency(352, "ISK", 0),
    currency(356, "INR", 2),
    currency(360, "IDR", 2),
    currency(364, "IRR", 2),
    currency(368, "IQD", 3),
    currency(376, "ILS", 2),
    currency(388, "JMD", 2),
    currency(392, "JPY", 0),
    currency(398, "KZT", 2),
    currency(400, "JOD", 3),
    currency(404, "KES", 2),
    currency(408, "KPW", 2),
    currency(410, "KRW", 0),
    currency(414, "KWD", 3),
    currency(417, "KGS", 2),
    currency(418, "LAK", 2),
    currency(422, "LBP", 2),
    currency(426, "LSL", 2),
    currency(430, "LRD", 2),
    currency(434, "LYD", 3),
    currency(446, "MOP", 2),
    currency(454, "MWK", 2),
    currency(458, "MYR", 2),
    currency(462, "MVR", 2),
    currency(480, "MUR", 2),
    currency(484, "MXN", 2),
    currency(496, "MNT", 2),
    currency(498, "MDL", 2),
    currency(504, "MAD", 2),
    currency(512, "OMR", 3),
    currency(516, "NAD", 2),
    currency(524, "NPR", 2),
    currency(532, "ANG", 2),
    currency(533, "AWG", 2),
    currency(548, "VUV", 0),
    currency(554, "NZD", 2),
    currency(558, "NIO", 2),
    currency(566, "NGN", 2),
    currency(578, "NOK", 2),
    currency(586, "PKR", 2),
    currency(590, "PAB", 2),
    currency(598, "PGK", 2),
    currency(600, "PYG", 0),
    currency(604, "PEN", 2),
    currency(608, "PHP", 2),
    currency(634, "QAR", 2),
    currency(643, "RUB", 2),
    currency(646, "RWF", 0),
    currency(654, "SHP", 2),
    currency(682, "SAR", 2),
    currency(690, "SCR", 2),
    currency(702, "SGD", 2),
    currency(704, "VND", 0),
    currency(706, "SOS", 2),
    currency(710, "ZAR", 2),
    currency(728, "SSP", 2),
    currency(748, "SZL", 2),
    currency(752, "SEK", 2),
    currency(756, "CHF", 2),
    currency(760, "SYP", 2),
    currency(764, "THB", 2),
    currency(776, "TOP", 2),
    currency(780, "TTD", 2),
    currency(784, "AED", 2),
    currency(788, "TND", 3),
    currency(800, "UGX", 0),
    currency(807, "MKD", 2),
    currency(818, "EGP", 2),
    currency(826, "GBP", 2),
    currency(834, "TZS", 2),
    currency(840, "USD", 2),
    currency(858, "UYU", 2),
    currency(860, "UZS", 2),
    currency(882, "WST", 2),
    currency(886, "YER", 2),
    currency(901, "TWD", 2),
    currency(929, "MRU", 2),
    currency(930, "STN", 2),
    currency(933, "BYN", 2),
    currency(934, "TMT", 2),
    currency(936, "GHS", 2),
    currency(938, "SDG", 2),
    currency(941, "RSD", 2),
    currency(943, "MZN", 2),
    currency(944, "AZN", 2),
    currency(946, "RON", 2),
    currency(949, "TRY", 2),
    currency(950, "XAF", 0),
    currency(951, "XCD", 2),
    currency(952, "XOF", 0),
    currency(953, "XPF", 0),
    currency(967, "ZMW", 2),
    currency(968, "SRD", 2),
    currency(969, "MGA", 2),
    currency(971, "AFN", 2),
    currency(972, "TJS", 2),
    currency(973, "AOA", 2),
    currency(975, "BGN", 2),
    currency(976, "CDF", 2),
    currency(977, "BAM", 2),
    currency(978, "EUR", 2),
    currency(980, "UAH", 2),
    currency(981, "GEL", 2),
    currency(985, "PLN", 2),
    currency(986, "BRL", 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascending_for_the_binary_search() {
        assert!(
            CURRENCIES
                .windows(2)
                .all(|pair| pair[0].numeric < pair[1].numeric)
        );
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let amount = |currency: &str, minor: &str| {
            Currency::find(currency).map(|currency| currency.amount(minor))
        };
        assert_eq!(amount("840", "000000001000").as_deref(), Some("10.00 USD"));
        assert_eq!(amount("USD", "000000000005").as_deref(), Some("0.05 USD"));
        assert_eq!(amount("392", "000000001000").as_deref(), Some("1000 JPY"));
        assert_eq!(amount("414", "000000000000").as_deref(), Some("0.000 KWD"));
        assert_eq!(amount("392", "000000000000").as_deref(), Some("0 JPY"));
        assert_eq!(amount("999", "1"), None);
        assert_eq!(amount("84", "1"), None);
        assert_eq!(amount("", "1"), None);
        let given = crate::explain::amount("840", 123_456);
        assert_eq!(given.as_deref(), Some("1234.56 USD"));
    }
}
