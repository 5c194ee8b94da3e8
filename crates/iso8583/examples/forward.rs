//! Takes a request of a terminal to a bank that speaks another dialect, and the answer back.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Edit, Stan, Transcoder};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let terminal = Dialect::builtin("iso87-ascii").ok_or("it is built in")?;
    let bank = Dialect::builtin("iso87-bcd").ok_or("it is built in")?;
    // Requests are carried whole or not at all: a bank must not decide on less than was sent. Of answers, what cannot be
    // expressed is left out.
    let there = Transcoder::new(&terminal, &bank);
    let back = Transcoder::new(&bank, &terminal).lenient();

    let request = b"02006020000000800000164111111111111111000000000042TERM0001";
    let request = terminal.view(request)?;
    let mut to_bank = BytesMut::new();
    let written = there.write(
        &request,
        request.mti(),
        bank.default_header(),
        &[],
        &mut to_bank,
    )?;
    // The STAN of the link, known only now.
    let slot = written.stan.ok_or("field 11 is there")?;
    slot.stamp(
        &mut to_bank[written.message],
        Stan::new(900_001).ok_or("six digits")?,
    );
    println!(
        "{} bytes to the bank, {} from the terminal",
        to_bank.len(),
        request.bytes().len()
    );

    let answer = answer_of(&bank, &to_bank)?;
    let answer = bank.view(&answer)?;
    // The terminal gets the STAN that it sent, bit for bit.
    let edits = [Edit::Copy(11, &request)];
    let mut to_terminal = BytesMut::new();
    back.write(
        &answer,
        answer.mti(),
        terminal.default_header(),
        &edits,
        &mut to_terminal,
    )?;
    let seen = terminal.view(&to_terminal)?;
    assert_eq!((seen.stan(), seen.pan()), (request.stan(), request.pan()));
    println!("{} with {:?}", seen.mti(), seen.response_code());
    Ok(())
}

/// What a bank would say.
fn answer_of(bank: &Dialect, request: &[u8]) -> Result<BytesMut, Box<dyn Error>> {
    let request = bank.view(request)?;
    let mti = request.mti().response().ok_or("it is a request")?;
    let mut out = BytesMut::new();
    let mut answer = Builder::new(bank, &mut out, mti);
    answer
        .copy(&request, 2)?
        .copy(&request, 3)?
        .copy(&request, 11)?
        .text(39, "00")?
        .copy(&request, 41)?;
    answer.finish()?;
    Ok(out)
}
