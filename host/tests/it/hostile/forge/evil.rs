//! What a call becomes when one thing in it is as no honest guest would have it.

use super::good::{Call, Place, Spot, Weak};
use super::{MEMORY, RESULT};

/// What must come of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hostile) enum Expect {
    /// The run ends before the host did anything.
    Refused,
    /// The run ends, whatever the host did for it before.
    Ended,
    /// An answer, an error that the guest may handle, or an end: all but a broken host.
    Contained,
}

/// Another value at a place, or other bytes at an address.
#[derive(Debug, Clone)]
pub(in crate::hostile) enum Change {
    Value(Place, u64),
    Bytes(u32, Vec<u8>),
}

/// One thing changed.
#[derive(Debug, Clone)]
pub(in crate::hostile) struct Evil {
    /// As `knowledge.search query.text: an address past the end`.
    pub(in crate::hostile) label: String,
    pub(in crate::hostile) changes: Vec<Change>,
    /// What the guest's allocator answers instead of a place, once the call begins.
    pub(in crate::hostile) realloc: Option<u32>,
    pub(in crate::hostile) expect: Expect,
}

/// Bytes that are no text.
const NO_TEXT: [&[u8]; 9] = [
    b"\xff",
    b"\x80",
    b"a\xe2\x82",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
];

/// Texts that have misled programs.
const ODD_TEXTS: [&str; 14] = [
    "",
    "\0",
    "\r\n\r\nX: y",
    "../../../etc/passwd",
    "'; DROP TABLE events; --",
    "\" OR \"\"=\"",
    "%' ESCAPE '\\",
    "NEAR(a b, 1) AND {c}: *",
    "*",
    ">",
    "\u{202e}gnp.exe",
    "\u{feff}\u{ffff}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "9999-12-31T23:59:60Z",
];

/// Numbers where arithmetic turns over.
const NUMBERS: [u64; 9] = [
    0,
    2,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Floating-point numbers that are none, or are at the end of the range.
const FLOATS: [f64; 8] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    f64::MIN_POSITIVE / 4.0,
    f64::MAX,
    f64::MIN,
    9_007_199_254_740_993.0,
];

/// Everything that this call can become. The first is the call itself.
pub(in crate::hostile) fn cases_of(call: &Call) -> Vec<Evil> {
    let mut all = vec![Evil {
        label: format!("{}: as it should be", call.import.name()),
        changes: Vec::new(),
        realloc: None,
        expect: Expect::Contained,
    }];
    for (index, spot) in call.spots.iter().enumerate() {
        let next = call.spots.get(index + 1);
        for (what, changes, expect) in of_spot(spot, next) {
            all.push(Evil {
                label: format!("{} {}: {what}", call.import.name(), spot.path),
                changes,
                realloc: None,
                expect,
            });
        }
    }
    // Whether the host brings anything, and asks for a place, depends on what it answers.
    for place in [MEMORY, MEMORY - 1, 0xffff_fff0, 0xffff_ffff, 1, 0, RESULT] {
        all.push(Evil {
            label: format!("{}: its allocator says {place:#x}", call.import.name()),
            changes: Vec::new(),
            realloc: Some(place),
            expect: Expect::Contained,
        });
    }
    all
}

type Changed = (String, Vec<Change>, Expect);

fn of_spot(spot: &Spot, next: Option<&Spot>) -> Vec<Changed> {
    use Expect::{Contained, Ended, Refused};
    let place = spot.place;
    let value = |what: &str, value: u64, expect| {
        (
            format!("{what} {value:#x}"),
            vec![Change::Value(place, value)],
            expect,
        )
    };
    match &spot.weak {
        Weak::Pointer { align, bytes } => of_pointer(place, (*align, *bytes), next),
        Weak::Length { element, at } => of_length(place, *element, *at),
        Weak::Text { at, room } => of_text(place, *at, *room),
        Weak::Result { align, bytes } => {
            let mut all = vec![
                value("a result past the end at", u64::from(MEMORY), Ended),
                value("a result at", 0xffff_fff8, Ended),
                value(
                    "a result over the end at",
                    u64::from(MEMORY - bytes.next_multiple_of(*align) + align),
                    Ended,
                ),
            ];
            if *align > 1 {
                all.push(value("a result at", u64::from(RESULT + 1), Ended));
            }
            all
        }
        Weak::Cases(cases) => {
            let cases = u64::from(*cases);
            let mut all: Vec<Changed> = (0..cases.min(16))
                .map(|case| value("case", case, Contained))
                .collect();
            for case in [cases, cases + 1, 0x7f, 0xff] {
                all.push(value("case", case.max(cases), Refused));
            }
            if matches!(place, Place::Argument(_)) {
                // As a byte each would be a case.
                for case in [0x100, 0xffff_ff00, 0xffff_ffff] {
                    all.push(value("case", case, Refused));
                }
            }
            all
        }
        Weak::Char => {
            let mut all = Vec::new();
            for c in [0xd800, 0xdfff, 0x11_0000, 0xffff_ffff] {
                all.push(value("the character", c, Refused));
            }
            all.push(value("the character", 0, Contained));
            all.push(value("the character", 0x10_ffff, Contained));
            all
        }
        Weak::Handle => [0, 2, 0x7fff_ffff, 0xffff_ffff]
            .map(|handle| value("the handle", handle, Refused))
            .to_vec(),
        Weak::Bool => [2, 0xff, 0xffff_ffff]
            .map(|bits| value("the flag", bits, Contained))
            .to_vec(),
        Weak::Integer => NUMBERS
            .map(|number| value("the number", number, Contained))
            .to_vec(),
        Weak::F32 => FLOATS
            .map(|number| value("bits", u64::from((number as f32).to_bits()), Contained))
            .to_vec(),
        Weak::F64 => FLOATS
            .map(|number| value("bits", number.to_bits(), Contained))
            .to_vec(),
    }
}

fn of_pointer(place: Place, (align, bytes): (u32, u32), next: Option<&Spot>) -> Vec<Changed> {
    let to = |what: &str, at: u32, expect| {
        let changes = vec![Change::Value(place, u64::from(at))];
        (format!("{what} {at:#x}"), changes, expect)
    };
    let mut all = vec![
        to("past the end, at", MEMORY, Expect::Refused),
        to("far past the end, at", 0xffff_fff0, Expect::Refused),
        to("at nothing,", 0, Expect::Contained),
    ];
    if bytes > align {
        all.push(to("over the end, at", MEMORY - align, Expect::Refused));
    }
    if align > 1 {
        all.push(to("at an odd place,", RESULT + 1, Expect::Refused));
    }
    let length = next.filter(|next| matches!(next.weak, Weak::Length { .. } | Weak::Text { .. }));
    if let Some(length) = length {
        // Address and length together turn over to an address inside.
        let changes = vec![
            Change::Value(place, 0xffff_fff8),
            Change::Value(length.place, u64::from(0x20 / bytes.max(1)).max(1)),
        ];
        all.push(("around the end".into(), changes, Expect::Refused));
    }
    all
}

fn of_length(place: Place, element: u32, at: u32) -> Vec<Changed> {
    let count = |count: u32, expect| {
        let changes = vec![Change::Value(place, u64::from(count))];
        (format!("{count:#x} elements"), changes, expect)
    };
    let fits = (MEMORY - at) / element.max(1);
    let mut all = vec![
        count(0, Expect::Contained),
        count(fits + 1, Expect::Refused),
        count(0x7fff_ffff, Expect::Refused),
        count(0x8000_0000, Expect::Refused),
        count(0xffff_ffff, Expect::Refused),
    ];
    if element > 1 {
        // So many bytes are few once they turn over.
        let over = (u64::from(u32::MAX) + 1).div_ceil(u64::from(element)) as u32;
        all.push(count(over, Expect::Refused));
        all.push(count(over + 1, Expect::Refused));
    }
    all
}

fn of_text(place: Place, at: u32, room: u32) -> Vec<Changed> {
    let mut all = of_length(place, 1, at);
    let text = |bytes: &[u8], expect| {
        assert!(bytes.len() <= room as usize, "{bytes:?}");
        let changes = vec![
            Change::Bytes(at, bytes.to_vec()),
            Change::Value(place, bytes.len() as u64),
        ];
        (format!("b\"{}\"", bytes.escape_ascii()), changes, expect)
    };
    all.extend(NO_TEXT.map(|bytes| text(bytes, Expect::Refused)));
    all.extend(ODD_TEXTS.map(|odd| text(odd.as_bytes(), Expect::Contained)));
    // All that there is to the end, mostly zeros.
    let rest = Change::Value(place, u64::from(MEMORY - at));
    all.push(("all to the end".into(), vec![rest], Expect::Contained));
    all
}
