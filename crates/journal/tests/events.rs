//! Writing an event down costs no allocation, sealing included.

use allocation_counter::measure;
use pointsman_journal::event::{CardToken, Event, Intent, Sealed, UnixMicros};
use pointsman_journal::seal::{Keys, Part, Place, new_salt};

#[test]
fn sealing_and_encoding_allocate_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Keys::load(None, directory.path()).unwrap();
    let sealer = keys.sealer(new_salt().unwrap());
    let mut body = Vec::with_capacity(1_024);
    let mut record = Vec::with_capacity(1_024);
    let place = Place {
        tx: 7,
        part: Part::Intent,
    };
    let mut write = || {
        body.clear();
        record.clear();
        sealer.seal(place, &[7; 200], &mut body).unwrap();
        let event = Event::Intent(Intent {
            tx: 7,
            at: UnixMicros::now(),
            link: "bank-a",
            listener: "pos",
            mti: "0200",
            terminal: "T0000001",
            merchant: "M00000000000001",
            terminal_stan: 41,
            link_stan: 900_041,
            rrn: "632820000041",
            amount: Some(1_250),
            currency: "978",
            processing_code: "000000",
            masked_pan: "411111******1111",
            card: CardToken::NONE,
            key: [0x4B; 16],
            body: Sealed::new(&body).unwrap(),
        });
        event.encode(&mut record);
        assert_eq!(Event::decode(event.kind(), &record), Ok(event));
    };
    write();
    assert_eq!(measure(&mut write).count_total, 0);

    let token = measure(|| {
        assert!(!keys.card_token("4111111111111111").is_none());
    });
    assert_eq!(token.count_total, 0);
}
