//! `pointsman decode --pcap`: recordings, made here packet by packet.

use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader};
use serde_json::Value;

use crate::codec::encoded;
use crate::inputs::{bytes_of, framed};
use crate::*;

const TERMINAL: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
const SWITCH: ([u8; 4], u16) = ([10, 0, 0, 2], 8583);

/// The format of the file, and with it what packets begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pcap,
    PcapBigEndian,
    PcapNg,
    /// As `tcpdump -i any` writes.
    AnyInterface,
    Raw,
}

const KINDS: [Kind; 5] = [
    Kind::Pcap,
    Kind::PcapBigEndian,
    Kind::PcapNg,
    Kind::AnyInterface,
    Kind::Raw,
];

struct Recording {
    kind: Kind,
    file: Vec<u8>,
}

impl Recording {
    fn new(kind: Kind) -> Self {
        let link: u32 = match kind {
            Kind::AnyInterface => 276,
            Kind::Raw => 101,
            _ => 1,
        };
        let words = |words: &[u32]| -> Vec<u8> {
            let order = |word: &u32| match kind {
                Kind::PcapBigEndian => word.to_be_bytes(),
                _ => word.to_le_bytes(),
            };
            words.iter().flat_map(order).collect()
        };
        let file = match kind {
            Kind::PcapNg => [
                // Section header, then an interface.
                words(&[
                    0x0A0D_0D0A,
                    28,
                    0x1A2B_3C4D,
                    1,
                    0xFFFF_FFFF,
                    0xFFFF_FFFF,
                    28,
                ]),
                words(&[1, 20, link, 262_144, 20]),
            ]
            .concat(),
            Kind::PcapBigEndian => words(&[0xA1B2_C3D4, 0x0002_0004, 0, 0, 262_144, link]),
            _ => words(&[0xA1B2_C3D4, 0x0004_0002, 0, 0, 262_144, link]),
        };
        Recording { kind, file }
    }

    fn packet(
        &mut self,
        from: ([u8; 4], u16),
        to: ([u8; 4], u16),
        sequence: u32,
        syn: bool,
        payload: &[u8],
    ) {
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from.0, to.0, 64);
        let mut step: PacketBuilderStep<TcpHeader> = ethernet.tcp(from.1, to.1, sequence, 65_535);
        if syn {
            step = step.syn();
        }
        let mut bytes = Vec::new();
        step.write(&mut bytes, payload).unwrap();
        let ip = &bytes[14..];
        let bytes = match self.kind {
            Kind::AnyInterface => [&[0x08, 0x00][..], &[0; 18], ip].concat(),
            Kind::Raw => ip.to_vec(),
            _ => bytes,
        };
        let length = u32::try_from(bytes.len()).unwrap();
        let order = |word: u32| match self.kind {
            Kind::PcapBigEndian => word.to_be_bytes(),
            _ => word.to_le_bytes(),
        };
        if self.kind == Kind::PcapNg {
            let padded = bytes.len().div_ceil(4) * 4;
            let total = u32::try_from(32 + padded).unwrap();
            let head = [6, total, 0, 0, 0, length, length].map(order);
            self.file.extend(head.concat());
            self.file.extend(&bytes);
            self.file.resize(self.file.len() + padded - bytes.len(), 0);
            self.file.extend(order(total));
        } else {
            self.file.extend([0, 0, length, length].map(order).concat());
            self.file.extend(&bytes);
        }
    }

    fn decode(&self, args: &[&str]) -> Ran {
        let file = TempFile::new("recording.pcap", &self.file);
        run(&[&["decode", "--json", "--pcap", file.path()], args].concat())
    }
}

/// Two requests and two answers: cut into pieces, out of order, one twice.
fn dialogue(kind: Kind) -> Recording {
    let request = framed("binary-2", true, &bytes_of(&encoded("iso87-bcd")));
    let requests = request.repeat(2);
    let answer = framed("ascii-4", false, &bytes_of(&encoded("iso87-ascii")));
    let mut recording = Recording::new(kind);
    recording.packet(TERMINAL, SWITCH, 99, true, b"");
    recording.packet(SWITCH, TERMINAL, u32::MAX - 1, true, b"");
    recording.packet(TERMINAL, SWITCH, 100, false, &requests[..10]);
    recording.packet(TERMINAL, SWITCH, 140, false, &requests[40..]);
    recording.packet(TERMINAL, SWITCH, 110, false, &requests[10..50]);
    recording.packet(TERMINAL, SWITCH, 110, false, &requests[10..50]);
    recording.packet(SWITCH, TERMINAL, u32::MAX, false, &answer);
    let next = u32::try_from(answer.len() - 1).unwrap();
    recording.packet(SWITCH, TERMINAL, next, false, &answer);
    recording
}

fn objects(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn both_directions_are_put_together_and_guessed() {
    for kind in KINDS {
        let text = dialogue(kind).decode(&["--guess"]).ok();
        let lines = objects(&text);
        assert_eq!(lines.len(), 6, "{kind:?} {text}");
        let guesses: Vec<&Value> = lines[..2].iter().map(|line| &line["guess"][0]).collect();
        assert_eq!(guesses[0]["framing"], "binary-2");
        assert_eq!(guesses[0]["tpdu"], true);
        assert_eq!(guesses[0]["dialect"], "iso87-bcd");
        assert_eq!(guesses[1]["framing"], "ascii-4");
        assert_eq!(guesses[1]["dialect"], "iso87-ascii");
        let packets: Vec<&Value> = lines[2..].iter().map(|line| &line["packet"]).collect();
        assert_eq!(packets, [5, 5, 7, 8], "{kind:?} {text}");
        for line in &lines[2..] {
            assert_eq!(line["fields"]["2"], "411111******1111");
            assert_eq!(line["fields"].as_object().unwrap().len(), 12);
        }
        assert_eq!(lines[2]["from"], "10.0.0.1:40000");
        assert_eq!(lines[4]["to"], "10.0.0.1:40000");
        assert!(!text.contains("4111111111111111"), "{text}");
    }
}

#[test]
fn with_a_framing_that_is_known() {
    let recording = dialogue(Kind::Pcap);
    let args = [
        "-d",
        "iso87-bcd",
        "--framing",
        "binary-2",
        "--tpdu",
        "--port",
        "8583",
    ];
    let ran = recording.decode(&args).failed(65);
    let lines = objects(&ran.stdout);
    // The answers have another framing: their stream is out of step from its first byte.
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert!(lines[..2].iter().all(|line| line["mti"] == "0200"));
    assert_eq!(lines[2]["error"]["name"], "stream");
    assert_eq!(
        recording
            .decode(&["--guess", "--port", "9999"])
            .failed(65)
            .stdout,
        ""
    );
    recording.decode(&["-d", "iso87-bcd"]).failed(64);
}

#[test]
fn what_was_not_recorded_is_said() {
    let request = framed("binary-4", false, &bytes_of(&encoded("iso87-mixed")));
    let mut recording = Recording::new(Kind::PcapNg);
    recording.packet(TERMINAL, SWITCH, 99, true, b"");
    recording.packet(TERMINAL, SWITCH, 100, false, &request);
    let later = 100 + 3 * u32::try_from(request.len()).unwrap();
    recording.packet(TERMINAL, SWITCH, later, false, &request);
    let ran = recording.decode(&["--guess"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let missed = request.len() * 2;
    assert_eq!(
        ran.stderr,
        format!(
            "10.0.0.1:40000 to 10.0.0.2:8583: {missed} bytes were not recorded before packet 3\n"
        )
    );
    assert_eq!(objects(&ran.stdout).len(), 4, "{}", ran.stdout);

    recording.file.truncate(recording.file.len() - 20);
    let ran = recording.decode(&["--guess"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("ends in the middle of a packet"),
        "{}",
        ran.stderr
    );
}

#[test]
fn other_talk_and_no_captures() {
    let mut recording = dialogue(Kind::Pcap);
    recording.packet(
        ([10, 0, 0, 3], 5000),
        ([10, 0, 0, 4], 80),
        1,
        false,
        b"GET / HTTP/1.1\r\n\r\n",
    );
    let ran = recording.decode(&["--guess"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (0, "streams without messages: 1\n")
    );
    let file = TempFile::new("no.pcap", "this is no capture at all, but a text");
    run(&["decode", "--guess", "--pcap", file.path()]).failed(66);
    run(&["decode", "--guess", "--pcap", "nowhere.pcap"]).failed(66);
    let empty = TempFile::new("empty.pcap", "");
    run(&["decode", "--guess", "--pcap", empty.path()]).failed(66);
}
