//! Sources into one WebM file, or Matroska where H.264 is among them (RFC 9559). The whole file is
//! laid out before anything is written, so that the index stands in front: a player seeks at once.
//!
//! ```text
//! EBML ‖ Segment: SeekHead ‖ Info ‖ Tracks ‖ Chapters ‖ Tags ‖ Cues ‖ Cluster: SimpleBlock… ‖ …
//! ```

use bytes::{BufMut as _, Bytes, BytesMut};
use mkv_element::io::blocking_impl::WriteTo;
use mkv_element::prelude::*;
use proto::{Hash32, RecordingId};
use seal::media::Codec;

use super::depacketize::{Frames, opus_duration};
use super::rope::Rope;

/// A cluster is no longer than this, in milliseconds.
const CLUSTER_MAX: i64 = 5_000;
/// Nor shorter, where a key picture would begin the next.
const CLUSTER_MIN: i64 = 500;
/// How much sound a decoder wants before the place that is sought, in nanoseconds (RFC 7845).
const PRE_ROLL: u64 = 80_000_000;
/// The Unix epoch before the one of Matroska's dates, in µs.
const DATE_EPOCH: i64 = 978_307_200_000_000;

/// What the table of contents takes: room for five entries.
const SEEK_HEAD: usize = 120;

const CLUSTER: [u8; 4] = [0x1f, 0x43, 0xb6, 0x75];
const SIMPLE_BLOCK: u8 = 0xa3;
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];

/// One source as a track of a file.
pub struct Source {
    /// Role and kind; never the name of a person.
    pub name: String,
    /// How its frames are encoded.
    pub codec: Codec,
    /// Of sound.
    pub channels: u8,
    /// Its number in the recording.
    pub track: u32,
    /// What there is of it.
    pub frames: Frames,
}

/// Something that the file does not hold, on its time line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chapter {
    /// µs since the Unix epoch.
    pub from: i64,
    /// µs since the Unix epoch.
    pub to: i64,
    /// What, in words.
    pub text: String,
}

impl Source {
    /// When its last frame is over: µs since the Unix epoch.
    pub fn end(&self) -> i64 {
        let frames = &self.frames;
        let Some(last) = frames.frames.last() else {
            return i64::MIN;
        };
        let lasts = if self.codec == Codec::Opus {
            opus_duration(frames.of(last).first().map_or(&[], |piece| piece))
        } else {
            // As long as the one before it, so far as is known.
            let before = frames.frames.iter().rev().nth(1);
            before.map_or(40_000, |b| {
                last.time.saturating_sub(b.time).clamp(0, 1_000_000)
            })
        };
        last.time.saturating_add(lasts)
    }
}

/// The file. `zero` is the beginning of its time line, in µs since the Unix epoch.
pub fn mux(
    recording: RecordingId,
    name: &str,
    zero: i64,
    sources: &[&Source],
    chapters: &[Chapter],
) -> Result<Rope, mkv_element::Error> {
    let blocks = blocks(zero, sources);
    let clusters = clusters(&blocks, sources);
    let end = sources.iter().map(|source| source.end()).max();
    let end = end.unwrap_or(zero).max(zero);

    let web = sources.iter().all(|source| source.codec != Codec::H264);
    let mut head = Vec::new();
    ebml(web).write_to(&mut head)?;
    let mut fixed = Vec::new();
    for (id, element) in [
        (Info::ID, written(&info(recording, name, zero, end))?),
        (Tracks::ID, written_tracks(&tracks(sources))?),
        (Chapters::ID, chapters_of(zero, end, chapters)?),
        (Tags::ID, written(&tags(recording))?),
    ] {
        if !element.is_empty() {
            fixed.push((id, element));
        }
    }
    let front = front(&fixed, &clusters)?;
    let body: u64 = clusters.iter().map(Cluster::size).sum();
    head.extend(SEGMENT);
    size(&mut head, front.len() as u64 + body);
    head.extend(front);

    let pieces =
        clusters.len() + blocks.len() + blocks.iter().map(|b| b.pieces.len()).sum::<usize>();
    let mut rope = Rope::with_capacity(pieces + 1);
    rope.push(head.into());
    let mut rest = blocks.iter();
    for cluster in &clusters {
        let mut arena = BytesMut::with_capacity(32 + cluster.blocks * 16);
        arena.put_slice(&CLUSTER);
        size(&mut arena, cluster.body);
        arena.put_slice(&cluster.timestamp);
        rope.push(arena.split().freeze());
        for block in rest.by_ref().take(cluster.blocks) {
            let relative = i16::try_from(block.at - cluster.at).unwrap_or(i16::MAX);
            arena.put_u8(SIMPLE_BLOCK);
            size(&mut arena, block.body());
            arena.put_u8(0x80 | block.track);
            arena.put_i16(relative);
            arena.put_u8(if block.key { 0x80 } else { 0 });
            rope.push(arena.split().freeze());
            for piece in block.pieces {
                rope.push(piece.clone());
            }
        }
    }
    Ok(rope)
}

/// A frame in its place.
struct Block<'a> {
    /// Milliseconds from zero.
    at: i64,
    /// The file's number of the track, from 1.
    track: u8,
    key: bool,
    length: usize,
    pieces: &'a [Bytes],
}

impl Block<'_> {
    /// Track, time, flags, frame.
    fn body(&self) -> u64 {
        4 + self.length as u64
    }
}

/// All frames of all sources, by time. Of one source no two are at the same time.
fn blocks<'a>(zero: i64, sources: &[&'a Source]) -> Vec<Block<'a>> {
    let mut blocks = Vec::new();
    for (source, track) in sources.iter().zip(1_u8..127) {
        let mut next = 0;
        for frame in &source.frames.frames {
            let at = frame.time.saturating_sub(zero).saturating_add(500) / 1_000;
            let at = at.max(next);
            next = at + 1;
            blocks.push(Block {
                at,
                track,
                key: frame.key,
                length: frame.length,
                pieces: source.frames.of(frame),
            });
        }
    }
    blocks.sort_by_key(|block| (block.at, block.track));
    blocks
}

struct Cluster {
    at: i64,
    blocks: usize,
    /// The track that can be sought to here.
    cue: Option<u8>,
    /// Its timestamp element.
    timestamp: Vec<u8>,
    /// Bytes of timestamp and blocks.
    body: u64,
}

impl Cluster {
    fn size(&self) -> u64 {
        CLUSTER.len() as u64 + size_length(self.body) + self.body
    }
}

fn clusters(blocks: &[Block<'_>], sources: &[&Source]) -> Vec<Cluster> {
    let is_picture = |track: u8| {
        let source = sources.get(usize::from(track).wrapping_sub(1));
        source.is_some_and(|source| source.codec != Codec::Opus)
    };
    let pictures = sources.iter().any(|source| source.codec != Codec::Opus);
    let mut clusters: Vec<Cluster> = Vec::new();
    for block in blocks {
        let begins = block.key && (!pictures || is_picture(block.track));
        let age = clusters.last().map(|cluster| block.at - cluster.at);
        let full =
            age.is_none_or(|age| age >= CLUSTER_MAX || begins && pictures && age >= CLUSTER_MIN);
        if full {
            let mut timestamp = vec![0xe7];
            let number = u64::try_from(block.at).unwrap_or(0).to_be_bytes();
            let number: Vec<u8> = number.into_iter().skip_while(|byte| *byte == 0).collect();
            size(&mut timestamp, number.len().max(1) as u64);
            timestamp.extend(if number.is_empty() { vec![0] } else { number });
            clusters.push(Cluster {
                at: block.at,
                blocks: 0,
                cue: begins.then_some(block.track),
                body: timestamp.len() as u64,
                timestamp,
            });
        }
        if let Some(cluster) = clusters.last_mut() {
            cluster.blocks += 1;
            cluster.body += 1 + size_length(block.body()) + block.body();
        }
    }
    clusters
}

/// Everything before the clusters. Where they begin stands in the cues, and how long these are says
/// where they begin: it only ever grows, so a few rounds settle it.
fn front(fixed: &[(VInt64, Vec<u8>)], clusters: &[Cluster]) -> Result<Vec<u8>, mkv_element::Error> {
    let before = SEEK_HEAD + fixed.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let mut index = Vec::new();
    loop {
        let again = cues((before + index.len()) as u64, clusters)?;
        let settled = again.len() == index.len();
        index = again;
        if settled {
            break;
        }
    }
    let mut elements: Vec<(VInt64, &[u8])> = fixed.iter().map(|(id, b)| (*id, &**b)).collect();
    if !index.is_empty() {
        elements.push((Cues::ID, &index));
    }
    let mut place = SEEK_HEAD as u64;
    let mut places = Vec::new();
    for (id, bytes) in &elements {
        places.push((*id, place));
        place += bytes.len() as u64;
    }
    let mut out = written(&seek_head(&places))?;
    // Filled up to its size, which says nothing.
    let void = SEEK_HEAD.saturating_sub(out.len() + 2);
    out.put_u8(0xec);
    size(&mut out, void as u64);
    out.resize(SEEK_HEAD, 0);
    for (_, bytes) in elements {
        out.extend(bytes);
    }
    Ok(out)
}

fn cues(front: u64, clusters: &[Cluster]) -> Result<Vec<u8>, mkv_element::Error> {
    let mut place = front;
    let mut cue_point = Vec::new();
    for cluster in clusters {
        if let Some(track) = cluster.cue {
            cue_point.push(CuePoint {
                cue_time: CueTime(u64::try_from(cluster.at).unwrap_or(0)),
                cue_track_positions: vec![CueTrackPositions {
                    cue_track: CueTrack(u64::from(track)),
                    cue_cluster_position: CueClusterPosition(place),
                    ..CueTrackPositions::default()
                }],
                ..CuePoint::default()
            });
        }
        place += cluster.size();
    }
    if cue_point.is_empty() {
        return Ok(Vec::new());
    }
    written(&Cues {
        cue_point,
        ..Cues::default()
    })
}

fn seek_head(places: &[(VInt64, u64)]) -> SeekHead {
    let seek = |(id, place): &(VInt64, u64)| {
        let id = id.as_encoded().to_be_bytes();
        let id: Vec<u8> = id.into_iter().skip_while(|byte| *byte == 0).collect();
        Seek {
            crc32: None,
            void: None,
            seek_id: SeekId(id.into()),
            seek_position: SeekPosition(*place),
        }
    };
    SeekHead {
        seek: places.iter().map(seek).collect(),
        ..SeekHead::default()
    }
}

fn ebml(web: bool) -> Ebml {
    Ebml {
        ebml_version: Some(EbmlVersion(1)),
        ebml_read_version: Some(EbmlReadVersion(1)),
        ebml_max_id_length: EbmlMaxIdLength(4),
        ebml_max_size_length: EbmlMaxSizeLength(8),
        doc_type: Some(DocType(if web { "webm" } else { "matroska" }.to_owned())),
        doc_type_version: Some(DocTypeVersion(4)),
        doc_type_read_version: Some(DocTypeReadVersion(2)),
        ..Ebml::default()
    }
}

fn info(recording: RecordingId, name: &str, zero: i64, end: i64) -> Info {
    let seed = [recording.as_bytes().as_slice(), name.as_bytes()].concat();
    let uuid = Hash32::of(&seed).0;
    let milliseconds = u32::try_from(end.saturating_sub(zero) / 1_000).unwrap_or(u32::MAX);
    let since = zero.saturating_sub(DATE_EPOCH).saturating_mul(1_000);
    Info {
        segment_uuid: Some(SegmentUuid(Bytes::copy_from_slice(
            uuid.first_chunk::<16>().map_or(&[], |uuid| uuid),
        ))),
        timestamp_scale: TimestampScale(1_000_000),
        duration: Some(Duration(f64::from(milliseconds))),
        date_utc: Some(DateUtc(since)),
        title: Some(Title(recording.to_string())),
        muxing_app: MuxingApp("vestibule".to_owned()),
        writing_app: WritingApp("vestibule".to_owned()),
        ..Info::default()
    }
}

/// `mkv-element` writes every element that has a default, `AlphaMode` too, which WebM's older readers do
/// not know: a void (RFC 8794, 11.3.2) of the same length stands in its place.
fn written_tracks(tracks: &Tracks) -> Result<Vec<u8>, mkv_element::Error> {
    const ALPHA_MODE: [u8; 4] = [0x53, 0xc0, 0x81, 0];
    const VOID: [u8; 4] = [0xec, 0x82, 0, 0];
    let mut out = written(tracks)?;
    for video in tracks.track_entry.iter().filter_map(|t| t.video.as_ref()) {
        let with = written(video)?;
        let alpha = with.windows(4).position(|four| four == ALPHA_MODE);
        let place = out.windows(with.len()).position(|bytes| bytes == with);
        let Some(at) = place.zip(alpha).map(|(place, alpha)| place + alpha) else {
            continue;
        };
        if let Some(mode) = out.get_mut(at..at + VOID.len()) {
            mode.copy_from_slice(&VOID);
        }
    }
    Ok(out)
}

fn tracks(sources: &[&Source]) -> Tracks {
    let track_entry = sources.iter().zip(1_u64..).map(|(source, number)| {
        let sound = source.codec == Codec::Opus;
        let parameters = source.frames.parameters.as_ref();
        let private = match source.codec {
            Codec::Opus => Some(opus_head(source.channels)),
            _ => parameters.map(super::depacketize::Parameters::record),
        };
        TrackEntry {
            track_number: TrackNumber(number),
            track_uid: TrackUid(number << 32 | u64::from(source.track)),
            track_type: TrackType(if sound { 2 } else { 1 }),
            flag_lacing: FlagLacing(0),
            name: Some(Name(source.name.clone())),
            language: Language("und".to_owned()),
            codec_id: CodecId(
                match source.codec {
                    Codec::Opus => "A_OPUS",
                    Codec::H264 => "V_MPEG4/ISO/AVC",
                    _ => "V_VP8",
                }
                .to_owned(),
            ),
            codec_private: private.map(|bytes| CodecPrivate(bytes.into())),
            seek_pre_roll: SeekPreRoll(if sound { PRE_ROLL } else { 0 }),
            video: (!sound).then(|| video(source.frames.size.unwrap_or((1, 1)))),
            audio: sound.then(|| Audio {
                sampling_frequency: SamplingFrequency(48_000.0),
                channels: Channels(u64::from(source.channels.clamp(1, 2))),
                ..Audio::default()
            }),
            ..TrackEntry::default()
        }
    });
    Tracks {
        track_entry: track_entry.collect(),
        ..Tracks::default()
    }
}

fn video((width, height): (u32, u32)) -> Video {
    Video {
        flag_interlaced: FlagInterlaced(2),
        pixel_width: PixelWidth(u64::from(width)),
        pixel_height: PixelHeight(u64::from(height)),
        ..Video::default()
    }
}

/// RFC 7845, 5.1. Over RTP no samples are to be skipped at the beginning that we know of.
fn opus_head(channels: u8) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.put_u8(channels.clamp(1, 2));
    head.put_u16_le(0);
    head.put_u32_le(48_000);
    head.put_u16_le(0);
    head.put_u8(0);
    head
}

fn chapters_of(zero: i64, end: i64, chapters: &[Chapter]) -> Result<Vec<u8>, mkv_element::Error> {
    let nanoseconds = |at: i64| {
        let within = at.clamp(zero, end).saturating_sub(zero);
        u64::try_from(within).unwrap_or(0).saturating_mul(1_000)
    };
    let atoms = chapters
        .iter()
        .zip(1_u64..)
        .filter_map(|(chapter, number)| {
            let (from, to) = (nanoseconds(chapter.from), nanoseconds(chapter.to));
            (from < to).then(|| ChapterAtom {
                chapter_uid: ChapterUid(number),
                chapter_time_start: ChapterTimeStart(from),
                chapter_time_end: Some(ChapterTimeEnd(to)),
                chapter_flag_enabled: ChapterFlagEnabled(1),
                chapter_display: vec![ChapterDisplay {
                    chap_string: ChapString(chapter.text.clone()),
                    chap_language: vec![ChapLanguage("eng".to_owned())],
                    ..ChapterDisplay::default()
                }],
                ..ChapterAtom::default()
            })
        });
    let chapter_atom: Vec<_> = atoms.collect();
    if chapter_atom.is_empty() {
        return Ok(Vec::new());
    }
    written(&Chapters {
        edition_entry: vec![EditionEntry {
            edition_uid: Some(EditionUid(1)),
            chapter_atom,
            ..EditionEntry::default()
        }],
        ..Chapters::default()
    })
}

fn tags(recording: RecordingId) -> Tags {
    Tags {
        tag: vec![Tag {
            simple_tag: vec![SimpleTag {
                tag_name: TagName("VESTIBULE_RECORDING".to_owned()),
                tag_language: TagLanguage("und".to_owned()),
                tag_string: Some(TagString(recording.to_string())),
                ..SimpleTag::default()
            }],
            ..Tag::default()
        }],
        ..Tags::default()
    }
}

fn written(element: &impl WriteTo) -> Result<Vec<u8>, mkv_element::Error> {
    let mut out = Vec::new();
    element.write_to(&mut out)?;
    Ok(out)
}

/// How long an element is, as EBML writes it.
fn size(out: &mut impl bytes::BufMut, value: u64) {
    let length = size_length(value);
    let marked = value
        | 1_u64
            .checked_shl(u32::try_from(7 * length).unwrap_or(0))
            .unwrap_or(0);
    out.put_uint(marked, usize::try_from(length).unwrap_or(8));
}

fn size_length(value: u64) -> u64 {
    // All ones are kept for "not known".
    (1..8)
        .find(|length| value < (1 << (7 * length)) - 1)
        .unwrap_or(8)
}
