//! What the engine is not shown of a client's media, as its tables would grow with it. Pure.
//!
//! - For an SSRC it makes a stream before it knows whether the packet is genuine, and forgets none.
//! - Of packets that bear a number of the whole connection it notes when they came, until they are
//!   reported, in the order of their numbers. A number from before the first is taken for one near
//!   2^64, and the way there is filled in; where times go back by eight seconds a report ends.

use super::counts::Why;

/// SSRCs that one connection may use; more than this is no browser.
const SSRCS: usize = 512;
/// So far a number may be behind the highest. Eight seconds of so few packets are reported in less,
/// be each a report of its own.
const BEHIND: u64 = 100;

const HEADER: usize = 12;
const EXTENDED: u8 = 0x10;
/// Header extensions with one byte before each (RFC 8285), and those with two.
const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;

/// Of one connection.
pub struct Sieve {
    ssrcs: Vec<u32>,
    congestion: Option<u8>,
    /// The highest number of a packet that was genuine, extended by its roll-overs.
    highest: Option<u64>,
}

impl Sieve {
    /// Nothing has come. `congestion`: the extension that holds the number.
    pub fn new(congestion: Option<u8>) -> Self {
        Self {
            ssrcs: Vec::new(),
            congestion,
            highest: None,
        }
    }

    /// Whether `congestion` is the extension that it reads, and the engine too.
    pub fn is_for(&self, congestion: u8) -> bool {
        self.congestion.is_none_or(|own| own == congestion)
    }

    /// Why the engine must not see this datagram.
    pub fn refuses(&mut self, datagram: &[u8]) -> Option<Why> {
        let ssrc = ssrc(datagram)?;
        let number = self.congestion.and_then(|id| number(datagram, id));
        if number.is_some_and(|number| self.whole(number).is_none()) {
            return Some(Why::TooLate);
        }
        if self.ssrcs.contains(&ssrc) {
            return None;
        }
        // Refused, and no reason to end: whoever can forge the address could fill this, and would end
        // a connection that is not theirs. So they keep new sources out of it, and no more.
        if self.ssrcs.len() == SSRCS {
            return Some(Why::TooManySources);
        }
        self.ssrcs.push(ssrc);
        None
    }

    /// A packet of this number was genuine.
    pub fn came(&mut self, number: u16) {
        self.highest = self.highest.max(self.whole(number));
    }

    /// Extended by its roll-overs; `None` if it is too far behind, or from before the first.
    fn whole(&self, number: u16) -> Option<u64> {
        let Some(highest) = self.highest else {
            return Some(number.into());
        };
        let low = u16::try_from(highest % (1 << 16)).unwrap_or_default();
        let ahead = number.wrapping_sub(low).cast_signed();
        let whole = highest.checked_add_signed(ahead.into())?;
        (whole + BEHIND >= highest).then_some(whole)
    }
}

/// Of RTP, and not of RTCP on the same port (RFC 5761).
fn ssrc(datagram: &[u8]) -> Option<u32> {
    let (header, _) = datagram.split_first_chunk::<HEADER>()?;
    let [first, second, .., a, b, c, d] = *header;
    let is_rtp = (128..192).contains(&first) && !(64..96).contains(&(second & 0x7f));
    is_rtp.then(|| u32::from_be_bytes([a, b, c, d]))
}

/// What the extension `id` of a packet's header says. As the engine reads it: the last one counts,
/// and what cannot be read ends it.
fn number(datagram: &[u8], id: u8) -> Option<u16> {
    let first = *datagram.first()?;
    let sources = 4 * usize::from(first & 0x0f);
    let rest = datagram.get(HEADER + sources..)?;
    let ([a, b, c, d], rest) = rest.split_first_chunk()?;
    let form = u16::from_be_bytes([*a, *b]);
    let words = usize::from(u16::from_be_bytes([*c, *d]));
    let mut elements = rest.get(..4 * words)?;
    let is_long = form & 0xfff0 == TWO_BYTES;
    if first & EXTENDED == 0 || (form != ONE_BYTE && !is_long) {
        return None;
    }
    let mut number = None;
    while let Some((head, rest)) = elements.split_first() {
        elements = rest;
        let (own, length) = match (head, is_long) {
            (0, _) => continue,
            (_, false) if head >> 4 == 15 => break,
            (_, false) => (head >> 4, usize::from(head & 0x0f) + 1),
            (_, true) => {
                let Some((length, rest)) = elements.split_first() else {
                    break;
                };
                elements = rest;
                (*head, usize::from(*length))
            }
        };
        let Some((value, rest)) = elements.split_at_checked(length) else {
            break;
        };
        elements = rest;
        if let (true, Some(value)) = (own == id, value.first_chunk()) {
            number = Some(u16::from_be_bytes(*value));
        }
    }
    number
}
