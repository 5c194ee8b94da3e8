//! ISO 8583 codec: dialects as data, zero-copy views, builders, explanations.
