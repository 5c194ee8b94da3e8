//! Changes to inputs, the same in every run of the same seed.

/// One change of the kinds that find most: a bit, a byte, a telling byte, a byte more or less, a piece twice, a piece of
/// another input, an end cut off.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let place = random.below(input.len().max(1));
    mutate_at(input, place, other, random);
}

/// The same at a place that the caller chooses, because something begins or ends there.
pub fn mutate_at(input: &mut Vec<u8>, place: usize, other: &[u8], random: &mut Random) {
    const TELLING: [u8; 14] = [
        0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0xFF, 0x0D, 0x1F, b'0', b'9', b'D', b'=', 0xF0,
    ];
    if place >= input.len() {
        input.extend_from_slice(other.get(..other.len().min(32)).unwrap_or_default());
        return;
    }
    match random.below(8) {
        0 => input[place] ^= 1 << random.below(8),
        1 => input[place] = random.byte(),
        2 => input[place] = TELLING[random.below(TELLING.len())],
        3 => input.insert(place, random.byte()),
        4 => drop(input.remove(place)),
        5 => {
            let end = (place + 1 + random.below(16)).min(input.len());
            let piece = input[place..end].to_vec();
            input.splice(place..place, piece);
        }
        6 if !other.is_empty() => {
            let start = random.below(other.len());
            let end = (start + 1 + random.below(32)).min(other.len());
            input.splice(place..place, other[start..end].iter().copied());
        }
        _ => input.truncate(place),
    }
}

/// xorshift64: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        // Neighbouring seeds must not begin alike, and 0 would stay 0.
        Random((seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}
