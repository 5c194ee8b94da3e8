//! Writes a request, stamps another STAN on it, and writes the answer that echoes what an answer must.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Mti, Reason, Stan};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let dialect = Dialect::builtin("iso87-ascii").ok_or("it is built in")?;
    // One buffer for all messages: after the first ones nothing is allocated any more.
    let mut buffer = BytesMut::with_capacity(1024);

    let mut request = Builder::new(&dialect, &mut buffer, "0200".parse::<Mti>()?);
    request
        .text(2, "4111111111111111")?
        .text(3, "000000")?
        .number(4, 1999)?
        .text(7, "1124101530")?
        .number(11, 7)?
        .text(41, "TERM0001")?
        .text(49, "978")?;
    let range = request.finish()?;
    let mut request = buffer.split_to(range.end);

    // A link has a STAN of its own for each message. It is written where the old one stands.
    let slot = dialect
        .view(&request)?
        .stan_slot()
        .ok_or("field 11 is there")?;
    slot.stamp(&mut request, Stan::new(123_456).ok_or("six digits")?);
    println!("request: {} bytes, STAN stamped", request.len());

    // What does not fit is refused with its place, and the buffer is as it was.
    let mut wrong = Builder::new(&dialect, &mut buffer, "0200".parse::<Mti>()?);
    let error = wrong.text(3, "00A000").err().ok_or("an A is no digit")?;
    println!("refused: {}", error.explain(&dialect).message);
    drop(wrong);

    let view = dialect.view(&request)?;
    let mti = view.mti().response().ok_or("0200 is a request")?;
    let mut answer = Builder::new(&dialect, &mut buffer, mti);
    for number in dialect.echo().intersection(view.fields()).iter() {
        if number > 39 {
            break;
        }
        answer.copy(&view, number)?;
    }
    answer
        .text(39, dialect.response_code(Reason::LinkDown))?
        .copy(&view, 41)?;
    let range = answer.finish()?;
    println!("answer: {}", dialect.view(&buffer[range])?.mti());
    Ok(())
}
