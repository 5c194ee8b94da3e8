//! Reads a message: fields in place, typed values, a tree for people, a line of JSON.
//!
//! `cargo run --example decode -- iso87-bcd 0200…` reads yours; without arguments, a purchase.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, TextBuffer, explain, json, mask};

/// A purchase with a test card, in packed digits.
pub(crate) const PURCHASE: &str = "0200723C448000C0820016411111111111111100000000000000199911241015300000071015301124\
    301254110051005445524D303030314D45524348414E543030303030303139373800209F2608A1B2C3D4E5F607089F2701809F360200FF";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(name), Some(hex)) => show(&name, &hex),
        _ => show("iso87-bcd", PURCHASE),
    }
}

pub(crate) fn show(name: &str, hex: &str) -> Result<(), Box<dyn Error>> {
    let message = bytes_of(hex)?;
    // A name of a built-in dialect, or the path of a file.
    let dialect = Dialect::load(name)?;

    match dialect.view(&message) {
        Ok(view) => {
            println!("{}, STAN {:?}, {:?}", view.mti(), view.stan(), view.pan());
            let mut buffer = TextBuffer::new();
            for number in view.fields().iter().filter(|number| *number > 40) {
                let field = dialect
                    .field(number)
                    .ok_or("only defined fields are read")?;
                // What people may see of it: this may be a track or a PIN block.
                let text = view.text(number, &mut buffer).unwrap_or_default();
                let text = mask::field(field, text);
                println!(
                    "field {number}, {} ({}): {text}",
                    field.name,
                    field.type_text()
                );
            }
            println!("{}", json::decode_line(&dialect, &message, Unmask::No)?);
        }
        Err(error) => println!("{}", error.explain(&dialect).message),
    }

    // The tree is there in both cases: up to the error.
    let mut tree = String::new();
    explain::tree(&dialect, &message, Unmask::No, &mut tree)?;
    println!("{tree}");
    Ok(())
}

fn bytes_of(hex: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits = hex.as_bytes().chunks(2).map(str::from_utf8);
    digits
        .map(|pair| Ok(u8::from_str_radix(pair?, 16)?))
        .collect()
}
