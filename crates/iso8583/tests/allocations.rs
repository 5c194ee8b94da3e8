//! Reading allocates nothing, whatever is read; neither does writing into a buffer that is large enough.
#![allow(
    clippy::unwrap_used,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::hint::black_box;

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Edit, Mti, Parts, Stan, TextBuffer, Transcoder};
use pointsman_test_support::canonical;

fn allocations(operation: impl FnOnce()) -> u64 {
    allocation_counter::measure(operation).count_total
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![0_u8; 100]))), 1);
}

#[test]
fn reading_allocates_nothing() {
    for name in Dialect::builtin_names() {
        let dialect = Dialect::builtin(name).unwrap();
        for message in canonical::ALL {
            let Some(bytes) = message.encode(&dialect) else {
                continue;
            };
            let count = allocations(|| {
                let view = dialect.view(black_box(&bytes)).unwrap();
                let mut buffer = TextBuffer::new();
                for number in view.fields().iter() {
                    black_box(view.wire(number));
                    black_box(view.text(number, &mut buffer));
                    black_box(view.number(number));
                }
                black_box(view.check_presence().count());
                black_box(view.check_echo(&view).count());
                black_box((
                    view.pan(),
                    view.track2(),
                    view.amount(),
                    view.stan(),
                    view.response_code(),
                ));
            });
            assert_eq!(count, 0, "{name} {}", message.name);
        }
    }
}

/// The parts of every field, those inside of them, and one by its path.
#[test]
fn reading_parts_allocates_nothing() {
    fn walk(parts: Parts<'_>, buffer: &mut TextBuffer) -> usize {
        let mut count = 0;
        for part in parts.map_while(Result::ok) {
            black_box((part.text(buffer), part.number(), part.range(), part.name()));
            count += 1;
            if let Some(parts) = part.parts() {
                count += walk(parts, buffer);
            }
        }
        count
    }
    for name in Dialect::builtin_names() {
        let dialect = Dialect::builtin(name).unwrap();
        for message in canonical::ALL {
            let Some(bytes) = message.encode(&dialect) else {
                continue;
            };
            let view = dialect.view(&bytes).unwrap();
            let mut buffer = TextBuffer::new();
            let mut parts = 0;
            let count = allocations(|| {
                for number in view.fields().iter() {
                    if let Some(of_field) = view.parts(number) {
                        parts += walk(of_field, &mut buffer);
                    }
                    black_box(view.part(number, "1.2"));
                }
            });
            assert_eq!(count, 0, "{name} {}", message.name);
            assert!(parts > 0 || !view.has(3), "{name} {}", message.name);
        }
    }
}

/// Neither does a message that is refused: an attacker cannot make us allocate.
#[test]
fn refusing_allocates_nothing() {
    for name in Dialect::builtin_names() {
        let dialect = Dialect::builtin(name).unwrap();
        let bytes = canonical::PURCHASE.encode(&dialect).unwrap();
        let count = allocations(|| {
            for length in 0..bytes.len() {
                black_box(dialect.view(&bytes[..length]).err());
                black_box(dialect.peek_mti(&bytes[..length]));
            }
            let all_ones = [0xFF; 2048];
            black_box(dialect.view(&all_ones).err());
        });
        assert_eq!(count, 0, "{name}");
    }
}

#[test]
fn writing_into_room_allocates_nothing() {
    for from in Dialect::builtin_names() {
        let from = Dialect::builtin(from).unwrap();
        let bytes = canonical::PURCHASE.encode(&from).unwrap();
        let view = from.view(&bytes).unwrap();
        let mut out = BytesMut::with_capacity(4096);
        let count = allocations(|| {
            let mut builder = Builder::new(&from, &mut out, Mti::literal(b"0200"));
            for (number, value) in canonical::PURCHASE.fields {
                builder.text(*number, value).unwrap();
            }
            builder.finish().unwrap();
        });
        assert_eq!(count, 0, "build {}", from.name());
        for to in Dialect::builtin_names() {
            let to = Dialect::builtin(to).unwrap();
            let transcoder = Transcoder::new(&from, &to);
            out.clear();
            let count = allocations(|| {
                let edits = [Edit::Set(11, "000777"), Edit::Drop(52)];
                let written = transcoder
                    .write(&view, view.mti(), to.default_header(), &edits, &mut out)
                    .unwrap();
                written
                    .stan
                    .unwrap()
                    .stamp(&mut out[written.message], Stan::new(42).unwrap());
            });
            assert_eq!(count, 0, "{} to {}", from.name(), to.name());
        }
    }
}
