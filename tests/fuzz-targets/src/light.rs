//! Single laws of other targets, for campaigns of a billion executions: no more than one reading, writing or walk each, and
//! nothing allocated but what the reference needs.

use std::cell::RefCell;

use bytes::BytesMut;
use pointsman_iso8583::tlv;
use pointsman_test_support::agree::agree;

use crate::transcode::pair;
use crate::{decode, dialects};

/// Reading by the fast path: an error is inside of the message; what was read is in order, has no gaps and ends with it.
pub(crate) fn view(data: &[u8]) {
    let Some((selector, message)) = data.split_first() else {
        return;
    };
    match dialects::chosen(*selector).view(message) {
        Err(error) => assert!(error.offset <= message.len()),
        Ok(view) => {
            let mut last = None;
            for number in view.fields().iter() {
                let element = view.element_range(number).unwrap();
                let value = view.wire_range(number).unwrap();
                assert!(last.is_none_or(|end| end == element.start));
                assert!(element.start <= value.start && value.end == element.end);
                last = Some(element.end);
            }
            assert!(last.is_none_or(|end| end == message.len()));
            decode::read_values(&view);
        }
    }
}

/// The fast path and the reference say the same, error for error.
pub(crate) fn differential(data: &[u8]) {
    if let Some((selector, message)) = data.split_first() {
        agree(dialects::chosen(*selector), message);
    }
}

/// Writing in another dialect what was read in one: it is a message, with the fields that were not dropped.
pub(crate) fn rewrite(data: &[u8]) {
    thread_local! {
        static OUT: RefCell<BytesMut> = RefCell::default();
    }
    let Some(([from, to], message)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Ok(view) = dialects::chosen(*from).view(message) else {
        return;
    };
    let other = dialects::chosen(*to);
    OUT.with_borrow_mut(|out| {
        out.clear();
        let transcoder = &pair(*from, *to).lenient;
        let header = other.default_header();
        if let Ok(written) = transcoder.write(&view, view.mti(), header, &[], out) {
            let again = other.view(&out[written.message]).unwrap();
            assert_eq!(again.fields(), view.fields().difference(written.dropped));
        }
    });
}

/// A walk through BER-TLV goes onward and stays inside.
pub(crate) fn walk(data: &[u8]) {
    let mut last = 0;
    for item in tlv::walk(data) {
        match item {
            Ok(element) => {
                assert!(last <= element.offset && element.offset < element.value_offset);
                assert!(element.value_offset + element.value.len() <= data.len());
                last = element.offset + 1;
            }
            Err(error) => assert!(error.offset < data.len()),
        }
    }
}
