//! The tree as people see it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use bytes::BytesMut;
use common::{dialect, encode, purchase};
use expect_test::{Expect, expect};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Builder, Dialect, explain};

fn check(name: &str, bytes: &[u8], unmask: Unmask, expected: Expect) {
    let mut out = String::new();
    explain::tree(&dialect(name), bytes, unmask, &mut out).unwrap();
    expected.assert_eq(&out);
}

fn purchase_bytes(name: &str) -> Vec<u8> {
    let dialect = dialect(name);
    encode(&dialect, &purchase(&dialect)).to_vec()
}

#[test]
fn a_purchase() {
    check(
        "iso87-bcd",
        &purchase_bytes("iso87-bcd"),
        Unmask::No,
        expect![[r#"
            iso87-bcd message, 265 bytes
               bytes    length  field  name                                           type       value
                0..2                0  Message type                                   n4 packed  0200              financial request, acquirer, ISO 8583:1987
                2..10               1  Bitmap                                         b8         723C448028C09200  2-4 7 11-14 18 22 25 35 37 41 42 49 52 55
               10..19       16      2  Primary account number                         n..19      411111******1111
               19..22               3  Processing code                                n6         000000            purchase
               22..28               4  Amount, transaction                            n12        000000001000      10.00 USD
               28..33               7  Transmission date and time                     n10        0731123456        31 July 12:34:56 UTC
               33..36              11  System trace audit number                      n6         000042
               36..39              12  Time, local transaction                        n6         143456            14:34:56
               39..41              13  Date, local transaction                        n4         0731              31 July
               41..43              14  Date, expiration                               n4         2912              2029-12
               43..45              18  Merchant type                                  n4         5411
               45..47              22  Point of service entry mode                    n3         051               chip, PIN pad
               47..48              25  Point of service condition code                n2         00                normal
               48..66       34     35  Track 2 data                                   z..37      411111******1111D*****************
               66..78              37  Retrieval reference number                     an12       421312000042
               78..86              41  Card acceptor terminal identification          ans8       TERM0001
               86..101             42  Card acceptor identification code              ans15      MERCHANT0000001
              101..104             49  Currency code, transaction                     an3        840               USD
              104..112             52  Personal identification number data            b8         ****************
              112..265     151     55  Integrated circuit card data                   b...999    151 bytes
              114..125                   9F26 Application cryptogram                  b8         A1B2C3D4E5F60718
              125..129                   9F27 Cryptogram information data             b1         80
              128..129                     byte 1 bits 8-7                                       10                authorisation request cryptogram (ARQC), go online
              129..150                   9F10 Issuer application data                 b18        0110A00003220000000000000000000000FF
              150..157                   9F37 Unpredictable number                    b4         11223344
              157..162                   9F36 Application transaction counter         b2         0042              66
              162..169                   95 Terminal verification results             b5         0080008000
              165..166                     byte 2 bit 8                                          1                 card and terminal have different application versions
              167..168                     byte 4 bit 8                                          1                 transaction exceeds the floor limit
              169..174                   9A Transaction date                          b3         240731            31 July 2024
              174..177                   9C Transaction type                          b1         00                purchase
              177..186                   9F02 Amount, authorised                      b6         000000001000      10.00 USD
              186..191                   5F2A Transaction currency code               b2         0840              USD
              191..195                   82 Application interchange profile           b2         3C00
              193..194                     byte 1 bit 6                                          1                 dynamic data authentication (DDA) supported
              193..194                     byte 1 bit 5                                          1                 cardholder verification supported
              193..194                     byte 1 bit 4                                          1                 terminal risk management to be performed
              193..194                     byte 1 bit 3                                          1                 issuer authentication supported (EXTERNAL AUTHENTICATE)
              195..200                   9F1A Terminal country code                   b2         0840
              200..209                   9F03 Amount, other                           b6         000000000000      0.00 USD
              209..215                   9F33 Terminal capabilities                   b3         E0F8C8
              212..213                     byte 1 bit 8                                          1                 manual key entry
              212..213                     byte 1 bit 7                                          1                 magnetic stripe
              212..213                     byte 1 bit 6                                          1                 chip with contacts
              213..214                     byte 2 bit 8                                          1                 plaintext PIN for verification by the card
              213..214                     byte 2 bit 7                                          1                 enciphered PIN for online verification
              213..214                     byte 2 bit 6                                          1                 signature on paper
              213..214                     byte 2 bit 5                                          1                 enciphered PIN for offline verification
              213..214                     byte 2 bit 4                                          1                 no CVM required
              214..215                     byte 3 bit 8                                          1                 static data authentication (SDA)
              214..215                     byte 3 bit 7                                          1                 dynamic data authentication (DDA)
              214..215                     byte 3 bit 4                                          1                 combined data authentication (CDA)
              215..221                   9F34 Cardholder verification method results  b3         410302
              218..219                     byte 1 bit 7                                          1                 if it fails, the next method is tried
              218..219                     byte 1 bits 6-1                                       000001            plaintext PIN verified by the card
              219..220                     byte 2 bits 8-1                                       00000011          if the terminal supports the method
              220..221                     byte 3 bits 8-1                                       00000010          successful
              221..231                   5A Application PAN                           b8         411111******1111
              231..235                   5F34 Application PAN sequence number         b1         01
              235..244                   84 Dedicated file name                       b7         A0000000031010
              244..265                   57 Track 2 equivalent data                   b19        411111******1111D********************F
            warning at byte 221: field 55: 5A (Application PAN): card data that must not be sent in field 55
            warning at byte 244: field 55: 57 (Track 2 equivalent data): card data that must not be sent in field 55
        "#]],
    );
}

#[test]
fn a_unionpay_answer_unmasked() {
    let dialect = dialect("unionpay-pos");
    let mut values = purchase(&dialect);
    values.mti = "0210".parse().unwrap();
    values
        .fields
        .retain(|number, _| [2, 3, 4, 11].contains(number));
    for (number, value) in [
        (39, "00"),
        (44, "0309       4843       "),
        (49, "156"),
        (60, "22000727000600"),
    ] {
        values.fields.insert(number, value.to_owned());
    }
    values.fields.insert(
        55,
        "910A112233445566778830308A0230307107860584D2000000".into(),
    );
    values.fields.insert(62, String::new());
    check(
        "unionpay-pos",
        &encode(&dialect, &values),
        Unmask::Yes,
        expect![[r#"
            unionpay-pos message, 108 bytes
               bytes    length  field  name                                     type       value
                0..5                   TPDU                                     b5         6000030000                to 0003, from 0000
                5..11                  Header                                   b6         603100310100              application 60 (magnetic stripe), version 31, status 0, to do 0 (nothing), sub-version 310100
               11..13               0  Message type                             n4 packed  0210                      financial request response, acquirer, ISO 8583:1987
               13..21               1  Bitmap                                   b8         7020000002108214          2-4 11 39 44 49 55 60 62
               21..30       16      2  Primary account number                   n..19      4111111111111111
               30..33               3  Processing code                          n6         000000                    purchase
               33..39               4  Amount, transaction                      n12        000000001000              10.00 CNY
               39..42              11  POS trace number                         n6         000042
               42..44              39  Response code                            an2        00                        approved
               44..67       22     44  Additional response data                 ans..25    "0309       4843       "
               67..70              49  Currency code, transaction               an3        156                       CNY
               70..97       25     55  Integrated circuit card data             b...999    25 bytes
               72..84                    91 Issuer authentication data          b10        11223344556677883030
               84..88                    8A Authorisation response code         b2         3030                      approved
               88..97                    71 Issuer script template 1            b7                                   template
               90..97                      86 Issuer script command             b5         84D2000000
               97..106      14     60  Transaction type, batch, network code    n...30     22000727000600
               99..100                   1 Transaction type                     n2         22
              100..103                   2 Batch number                         n6         000727
              103..105                   3 Network management code              n3         000
              104..105                   4 Terminal read capability             n1         6
              105..106                   5 Chip condition code                  n1         0
              105..106                   6 Partial approval and balance         n1         0
              106..108       0     62  Working keys, parameters, serial number  b...999    ""
        "#]],
    );
}

/// What field 55 repeats should be what the fields say; and card data does not belong into it.
/// Unmasked: where chip data is not in order its values are hidden, and what is wrong behind them.
#[test]
fn chip_data_that_does_not_fit_its_message() {
    let mut values = purchase(&dialect("iso87-ascii"));
    values
        .fields
        .retain(|number, _| [3, 4, 49].contains(number));
    let icc = "9F02060000000010019C01015F2A0209789F3403010002\
        9A0226119F03060000000000FF5A0841111111111111119C0101910A";
    values.fields.insert(23, "002".into());
    values.fields.insert(55, format!("5F340101{icc}"));
    let dialect = dialect("iso87-ascii");
    let bytes = encode(&dialect, &values);
    check(
        "iso87-ascii",
        &bytes,
        Unmask::Yes,
        expect![[r#"
            iso87-ascii message, 157 bytes
               bytes    length  field  name                                           type       value
                0..4                0  Message type                                   n4         0200              financial request, acquirer, ISO 8583:1987
                4..20               1  Bitmap                                         b8 as hex  3000020000008200  3 4 23 49 55
               20..26               3  Processing code                                n6         000000            purchase
               26..38               4  Amount, transaction                            n12        000000001000      10.00 USD
               38..41              23  Card sequence number                           n3         002
               41..44              49  Currency code, transaction                     an3        840               USD
               44..157     110     55  Integrated circuit card data                   b...999    5F3401019F02060000000010019C01015F2A0209789F34030100029A0226119F
                                                                                                 03060000000000FF5A0841111111111111119C0101910A
               47..55                    5F34 Application PAN sequence number         b1         01
               55..73                    9F02 Amount, authorised                      b6         000000001001      10.01 EUR
               73..79                    9C Transaction type                          b1         01                cash withdrawal
               79..89                    5F2A Transaction currency code               b2         0978              EUR
               89..101                   9F34 Cardholder verification method results  b3         010002
               95..97                      byte 1 bits 6-1                                       000001            plaintext PIN verified by the card
               97..99                      byte 2 bits 8-1                                       00000000          always
               99..101                     byte 3 bits 8-1                                       00000010          successful
              101..109                   9A Transaction date                          b2         2611
              109..127                   9F03 Amount, other                           b6         0000000000FF
              127..147                   5A Application PAN                           b8         4111111111111111
              147..153                   9C Transaction type                          b1         01                cash withdrawal
              153..157                   not BER-TLV                                             the element needs 12 bytes, 2 are left
            warning at byte 101: field 55: 9A (Transaction date): a length of 2 is not 3
            warning at byte 109: field 55: 9F03 (Amount, other): the value is not of format n
            warning at byte 127: field 55: 5A (Application PAN): card data that must not be sent in field 55
            warning at byte 147: field 55: 9C (Transaction type): there already, at byte 13 of the data
            warning at byte 153: field 55: not BER-TLV: the element needs 12 bytes, 2 are left
            warning at byte 73: field 3 and 9C (Transaction type) in field 55 differ
            warning at byte 55: field 4 and 9F02 (Amount, authorised) in field 55 differ
            warning at byte 47: field 23 and 5F34 (Application PAN sequence number) in field 55 differ
            warning at byte 79: field 49 and 5F2A (Transaction currency code) in field 55 differ
            note: field 11 (System trace audit number) is missing: the rules for 0[124]xx demand it
        "#]],
    );
}

#[test]
fn a_wrong_digit() {
    let mut bytes = purchase_bytes("iso87-ascii");
    bytes[45] = b'X';
    check(
        "iso87-ascii",
        &bytes,
        Unmask::No,
        expect![[r#"
            iso87-ascii message, 490 bytes
              bytes   length  field  name                    type       value
               0..4               0  Message type            n4         0200              financial request, acquirer, ISO 8583:1987
               4..20              1  Bitmap                  b8 as hex  723C448028C09200  2-4 7 11-14 18 22 25 35 37 41 42 49 52 55
              20..38      16      2  Primary account number  n..19      411111******1111
              38..44              3  Processing code         n6         000000            purchase

            error at byte 45, field 4, Amount, transaction
              expected  a digit
              found     0x58 ('X')
              bytes     .. ** 30 30 30 30 30 30 ** 58 ** ** ** ** ** ** ** ** ..
                                                   ^^
              not read  4 7 11-14 18 22 25 35 37 41 42 49 52 55
        "#]],
    );
}

#[test]
fn cut_off_in_track_2() {
    check(
        "iso87-ebcdic",
        &purchase_bytes("iso87-ebcdic")[..110],
        Unmask::No,
        expect![[r#"
            iso87-ebcdic message, 110 bytes
              bytes   length  field  name                             type   value
               0..4               0  Message type                     n4     0200              financial request, acquirer, ISO 8583:1987
               4..12              1  Bitmap                           b8     723C448028C09200  2-4 7 11-14 18 22 25 35 37 41 42 49 52 55
              12..30      16      2  Primary account number           n..19  411111******1111
              30..36              3  Processing code                  n6     000000            purchase
              36..48              4  Amount, transaction              n12    000000001000
              48..58              7  Transmission date and time       n10    0731123456        31 July 12:34:56 UTC
              58..64             11  System trace audit number        n6     000042
              64..70             12  Time, local transaction          n6     143456            14:34:56
              70..74             13  Date, local transaction          n4     0731              31 July
              74..78             14  Date, expiration                 n4     2912              2029-12
              78..82             18  Merchant type                    n4     5411
              82..85             22  Point of service entry mode      n3     051               chip, PIN pad
              85..87             25  Point of service condition code  n2     00                normal

            error at byte 89, field 35, Track 2 data
              expected  34 bytes for a length or its value
              found     21 bytes left
              bytes     .. F1 F0 F5 F1 F0 F0 ** ** ** ** ** ** ** ** ** ** ** ..
                                                   ^^
              not read  35 37 41 42 49 52 55
        "#]],
    );
}

#[test]
fn the_wrong_dialect() {
    check(
        "iso87-ascii",
        &purchase_bytes("iso87-bcd"),
        Unmask::No,
        expect![[r#"
            iso87-ascii message, 265 bytes

            error at byte 0, Message type
              expected  a digit
              found     0x02
              bytes     02 ** ** ** ** ** ** ** ** ..
                        ^^
              hint      the message makes sense as iso87-bcd
        "#]],
    );
}

#[test]
fn a_length_prefix_left_on() {
    let message = purchase_bytes("iso87-mixed");
    let framed = [
        &u16::try_from(message.len()).unwrap().to_be_bytes()[..],
        &message,
    ]
    .concat();
    check(
        "iso87-mixed",
        &framed,
        Unmask::No,
        expect![[r#"
            iso87-mixed message, 325 bytes

            error at byte 0, Message type
              expected  a digit
              found     0x01
              bytes     01 ** ** ** ** ** ** ** ** ..
                        ^^
              hint      the message makes sense after a 2-byte length (2 bytes)
        "#]],
    );
}

/// The hint under a message of one dialect that is read in another, which differs by these lines.
fn check_hint(extends: &str, lines: &str, tail: &[u8], expected: Expect) {
    let own = format!("name = \"own\"\nextends = \"{extends}\"\n{lines}");
    let own = Dialect::parse(&own).unwrap();
    let message = [&purchase_bytes(extends), tail].concat();
    let mut out = String::new();
    explain::tree(&own, &message, Unmask::No, &mut out).unwrap();
    let hint = out
        .lines()
        .find_map(|line| line.strip_prefix("  hint      "));
    expected.assert_eq(hint.unwrap_or(&out));
    for secret in ["4111111111111111", "34313131313131313131313131313131"] {
        assert!(!out.replace(' ', "").contains(secret), "{out}");
    }
}

#[test]
fn a_neighbour_of_the_dialect_that_reads_all_or_further() {
    let packed = "[defaults]\ndigits = \"bcd\"\n";
    check_hint(
        "iso87-mixed",
        packed,
        b"",
        expect!["the message makes sense as iso87-mixed, where numeric fields are ascii"],
    );
    // With a byte too many that no dialect takes.
    check_hint(
        "iso87-mixed",
        packed,
        b"?",
        expect![
            "field 22 does not fit; fields 2-4 7 11-14 18 22 25 35 37 41 42 49 52 55 fit if numeric fields are ascii, as in iso87-mixed; behind them 1 byte too many"
        ],
    );
    let longer = "[fields]\n18 = { name = \"Merchant type\", type = \"n6\" }\n";
    check_hint(
        "iso87-ascii",
        longer,
        b"",
        expect!["the message makes sense as iso87-ascii, where field 18 is n4"],
    );
    check_hint(
        "iso87-ascii",
        longer,
        b"?",
        expect![
            "field 35 does not fit; fields 2-4 7 11-14 18 22 25 35 37 41 42 49 52 55 fit if field 18 is n4, as in iso87-ascii; behind them 1 byte too many"
        ],
    );
    let longer_length = "[fields]\n35 = { name = \"Track 2 data\", type = \"z...37\" }\n";
    check_hint(
        "iso87-bcd",
        longer_length,
        b"?",
        expect![
            "field 35 does not fit; fields 2-4 7 11-14 18 22 25 35 37 41 42 49 52 55 fit if field 35 is z..37, as in iso87-bcd; behind them 1 byte too many"
        ],
    );
}

/// What is left of a message without its head is read out of step: its card number is hidden all the same.
#[test]
fn a_message_without_its_head() {
    let hidden = |cut: usize| {
        let mut out = String::new();
        let message = &purchase_bytes("iso87-bcd")[cut..];
        explain::tree(&dialect("iso87-bcd"), message, Unmask::No, &mut out).unwrap();
        assert!(!out.replace(' ', "").contains("1111111111"), "{cut}: {out}");
        assert!(out.contains("error at byte"), "{out}");
        out
    };
    for cut in 1..=11 {
        hidden(cut);
    }
    // Its bitmap is the card number.
    assert!(
        hidden(9).contains("b8         ****************"),
        "{}",
        hidden(9)
    );
}

#[test]
fn nothing() {
    check(
        "iso87-ascii",
        b"",
        Unmask::No,
        expect![[r#"
            iso87-ascii message, 0 bytes

            error at byte 0, Message type
              expected  4 bytes for the MTI
              found     0 bytes left
              bytes
                        ^^ the message ends here
        "#]],
    );
}

/// However many elements of two bytes there are, the tree is a few times as long as the message: its values, and a limit of
/// lines for what is inside of a field.
#[test]
fn very_many_elements() {
    let dialect = Dialect::parse(
        "name = \"big\"\nextends = \"iso87-bcd\"\n\
         fields.55 = { type = \"b.....65000\", prefix = \"binary2\" }\n\
         fields.63 = { type = \"b.....65000\", prefix = \"binary2\", sensitive = \"no\", layout = \"t\" }\n\
         [layouts.t]\nkind = \"ber-tlv\"\ntag_names = \"none\"\n",
    )
    .unwrap();
    for (field, element) in [(55, [0x9A, 0x00]), (63, [0x81, 0x00])] {
        let mut out = BytesMut::new();
        let mut builder = Builder::new(&dialect, &mut out, "0200".parse().unwrap());
        builder.bytes(field, &element.repeat(32_000)).unwrap();
        builder.finish().unwrap();
        for unmask in [Unmask::No, Unmask::Yes] {
            let mut tree = String::new();
            explain::tree(&dialect, &out, unmask, &mut tree).unwrap();
            assert!(tree.len() < 10 * out.len(), "{field}: {} bytes", tree.len());
            let is_limited = tree.contains("not shown behind 1000 lines");
            assert_eq!(is_limited, unmask == Unmask::Yes, "{field}");
        }
    }
}
