//! Recordings of a network, pcap and pcapng: what each side of each TCP connection said.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, SlicedPacket, TransportSlice};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use crate::exit::{Exit, Failure};

mod stream;

pub(crate) use stream::Stream;
use stream::{Segment, Streams};

/// What is read at once, to begin with: more than a packet on any network.
const BUFFER_BYTES: usize = 256 * 1024;
/// The longest block of a capture. Packets end at 64 KiB; what is longer is no capture.
const BUFFER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// `LINKTYPE_LINUX_SLL2`: protocol (2), reserved (2), interface (4), hardware type (2), packet type (1), address (9).
const SLL2_BYTES: usize = 20;
/// `LINKTYPE_NULL` and `LINKTYPE_LOOP`: a protocol family.
const LOOPBACK_BYTES: usize = 4;

/// The streams of a capture, in the order of their first packets.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) streams: Vec<Stream>,
    /// The file ends in the middle of a packet.
    pub(crate) is_cut: bool,
}

/// Reads a capture. With `port` only the connections to or from it.
pub(crate) fn read(path: &Path, port: Option<u16>) -> Result<Capture, Failure> {
    let unreadable = |why: String| {
        Failure::new(
            Exit::NoInput,
            format!("cannot read {}: {why}", path.display()),
            "name a capture in the pcap or pcapng format, as tcpdump and Wireshark write them",
        )
    };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut reader = create_reader(BUFFER_BYTES, file).map_err(|error| match error {
        PcapError::ReadError => unreadable("reading fails".to_owned()),
        _ => unreadable("it is no capture".to_owned()),
    })?;
    let mut packets = Packets {
        links: Vec::new(),
        number: 0,
        port,
        streams: Streams::default(),
    };
    let mut is_cut = false;
    let mut room = BUFFER_BYTES;
    loop {
        match reader.next() {
            Ok((consumed, block)) => {
                packets.take(&block);
                reader.consume(consumed);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                let had = reader.data().len();
                // A block that needs more than the whole buffer.
                if had == room && room < BUFFER_BYTES_MAX {
                    room *= 2;
                    reader.grow(room);
                }
                let refilled = reader.refill().is_ok();
                if !refilled || reader.data().len() == had {
                    is_cut = had > 0;
                    break;
                }
            }
            Err(PcapError::BufferTooSmall) if room < BUFFER_BYTES_MAX => {
                room *= 2;
                reader.grow(room);
            }
            Err(PcapError::UnexpectedEof) => {
                is_cut = true;
                break;
            }
            Err(_) => {
                return Err(unreadable(format!(
                    "packet {} is damaged",
                    packets.number + 1
                )));
            }
        }
        if packets.streams.is_full() {
            return Err(Failure::new(
                Exit::Data,
                format!("{} holds more than fits into memory", path.display()),
                "split it, or choose connections with --port",
            ));
        }
    }
    Ok(Capture {
        streams: packets.streams.finish(),
        is_cut,
    })
}

struct Packets {
    /// What the packets of each interface begin with.
    links: Vec<Linktype>,
    /// Packets seen, as Wireshark counts them.
    number: u64,
    port: Option<u16>,
    streams: Streams,
}

impl Packets {
    fn take(&mut self, block: &PcapBlockOwned<'_>) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => self.links = Vec::from([header.network]),
            PcapBlockOwned::Legacy(packet) => self.packet(0, packet.data),
            // Interfaces are numbered within their section.
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.links.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                self.links.push(interface.linktype);
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                self.packet(packet.if_id, packet.packet_data());
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => self.packet(0, packet.packet_data()),
            PcapBlockOwned::NG(_) => {}
        }
    }

    fn packet(&mut self, interface: u32, bytes: &[u8]) {
        self.number += 1;
        let link = usize::try_from(interface)
            .ok()
            .and_then(|interface| self.links.get(interface))
            .copied();
        if let Some(segment) = link.and_then(|link| segment(link, bytes, self.number))
            && self
                .port
                .is_none_or(|port| port == segment.from.port() || port == segment.to.port())
        {
            self.streams.take(&segment);
        }
    }
}

/// The TCP segment in a packet, if there is one.
fn segment(link: Linktype, bytes: &[u8], packet: u64) -> Option<Segment<'_>> {
    if link == Linktype::LINUX_SLL {
        // There is no lax reader of this kind; a packet that was recorded in part is not read.
        let packet_slice = SlicedPacket::from_linux_sll(bytes).ok()?;
        let (from, to) = match packet_slice.net? {
            etherparse::NetSlice::Ipv4(ip) => (
                IpAddr::from(ip.header().source()),
                IpAddr::from(ip.header().destination()),
            ),
            etherparse::NetSlice::Ipv6(ip) => (
                IpAddr::from(ip.header().source()),
                IpAddr::from(ip.header().destination()),
            ),
            etherparse::NetSlice::Arp(_) => return None,
        };
        return tcp(from, to, packet_slice.transport?, packet);
    }
    let sliced = match link {
        Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok()?,
        Linktype::LINUX_SLL2 => {
            let [high, low, ..] = *bytes else { return None };
            let protocol = EtherType(u16::from_be_bytes([high, low]));
            LaxSlicedPacket::from_ether_type(protocol, bytes.get(SLL2_BYTES..)?)
        }
        Linktype::NULL | Linktype::LOOP => {
            LaxSlicedPacket::from_ip(bytes.get(LOOPBACK_BYTES..)?).ok()?
        }
        Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 => LaxSlicedPacket::from_ip(bytes).ok()?,
        _ => return None,
    };
    let (from, to) = match sliced.net? {
        LaxNetSlice::Ipv4(ip) => (
            IpAddr::from(ip.header().source()),
            IpAddr::from(ip.header().destination()),
        ),
        LaxNetSlice::Ipv6(ip) => (
            IpAddr::from(ip.header().source()),
            IpAddr::from(ip.header().destination()),
        ),
        LaxNetSlice::Arp(_) => return None,
    };
    tcp(from, to, sliced.transport?, packet)
}

fn tcp(
    from: IpAddr,
    to: IpAddr,
    transport: TransportSlice<'_>,
    packet: u64,
) -> Option<Segment<'_>> {
    let TransportSlice::Tcp(tcp) = transport else {
        return None;
    };
    Some(Segment {
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        is_first: tcp.syn(),
        payload: tcp.payload(),
        packet,
    })
}
