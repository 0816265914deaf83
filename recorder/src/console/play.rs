//! An approved recording, heard and seen in the page: the people's pictures in step, the words beside
//! them, what is missing drawn on the time line. Opening it is announced in the log as an export is.
//! It is in memory until the page is left, or the shares are locked again.

use std::ops::Range;
use std::sync::{Arc, Weak};

use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use proto::{CaseId, Hash32, RecordingId};
use serde::Deserialize;

use super::case::{Step, refused};
use super::page::{Frame, Here, render};
use super::shown::When;
use super::signed::Signed;
use super::trouble::Trouble;
use crate::log::What;
use crate::media::mux::Chapter;
use crate::media::{File, Rendition};
use crate::playing::Play;
use crate::retrieval::{self, Purpose};
use crate::transcript::{self, Row};
use crate::{Recorder, cases};

/// Handed to the browser at once.
const PIECE: u64 = 256 << 10;

/// As every page's, and this page's one script, its own sound and pictures, and its word that it is left.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; media-src 'self'; \
     connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "console/play.html")]
struct Page {
    frame: Frame,
    case: CaseId,
    reference: String,
    recording: RecordingId,
    /// Which opening it shows.
    opening: String,
    until: When,
    /// Milliseconds.
    length: i64,
    begins: String,
    screens: Vec<Screen>,
    marks: Vec<Mark>,
    rows: Vec<Said>,
    notes: Vec<String>,
    damage: Vec<String>,
}

/// One person's picture, or a screen that they showed.
struct Screen {
    file: String,
    title: String,
    from: i64,
    to: i64,
    /// What there is of it: `camera`, `sound` alone, or a `screen`.
    kind: &'static str,
    /// When there is no new picture: `from-to`, in milliseconds.
    still: Vec<String>,
    /// Whether its sound is another screen's already.
    silent: bool,
}

/// Something that is missing, on the time line.
struct Mark {
    from: i64,
    to: i64,
    clock: String,
    text: String,
    /// In which of the screens: their places.
    screens: String,
}

/// A line of the conversation.
struct Said {
    at: i64,
    /// Whether there is something to hear or to see at that time.
    played: bool,
    row: Row,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    recording: RecordingId,
}

#[derive(Deserialize)]
pub(super) struct Left {
    opening: String,
}

pub(super) async fn open(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path(id): Path<String>,
    Form(Wanted { recording }): Form<Wanted>,
) -> Result<Response, Trouble> {
    let id: CaseId = id.parse().map_err(|_| Trouble::NotFound)?;
    let tenant = &signed.tenant;
    let opened = match retrieval::open(&recorder, tenant, id, recording, Purpose::Play).await {
        Ok(opened) => opened,
        Err(error) => return refused(&recorder, &signed, id, Step::HandOut, error).await,
    };
    let words = transcript::jsonl(&opened.lines).map_err(crate::Error::from)?;
    let what = What::Opened {
        case: id,
        recording,
        opening: opened.opening.clone(),
        sha256: Hash32::of(&words),
        damaged: opened.damage.len() as u64,
    };
    recorder.log(tenant, what).await?;
    let progress = cases::progress(&recorder, tenant, &opened.case).await?;
    let play = Play::new(signed.officer.id, progress.needed, opened);
    recorder
        .playing
        .keep(play, &recorder.unlocked, recorder.now());
    Ok(Redirect::to(&format!("/cases/{id}/play/{recording}")).into_response())
}

/// The page; or, without a body, whether it may still be shown.
pub(super) async fn show(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path((case, recording)): Path<(String, String)>,
    method: Method,
) -> Result<Response, Trouble> {
    let Some(play) = playing(&recorder, &signed, &case, &recording)? else {
        // The shares are locked again, or it was opened by somebody else.
        let id: CaseId = case.parse().map_err(|_| Trouble::NotFound)?;
        let own = signed.tenant.case(id).await.map_err(crate::Error::from)?;
        own.ok_or(Trouble::NotFound)?;
        return Ok(Redirect::to(&format!("/cases/{case}#handed-out")).into_response());
    };
    if method == Method::HEAD {
        return Ok(StatusCode::OK.into_response());
    }
    let opened = &play.opened;
    let media = &opened.media;
    let now = recorder.now();
    let present = recorder.unlocked.present(opened.case.id, now);
    let until = present.iter().map(|held| held.until).min().unwrap_or(now);
    let relative = |at: i64| at.saturating_sub(media.zero) / 1_000;
    let length = media.files.first().map_or(0, |call| call.milliseconds);
    let said = |row: Row| {
        let at = relative(row.at.0.saturating_mul(1_000));
        let played = (0..=length).contains(&at) && length > 0;
        Said { at, played, row }
    };
    let mut page = render(&Page {
        frame: Frame::new(&signed, Here::Cases),
        case: opened.case.id,
        reference: opened.case.reference.clone(),
        recording: opened.manifest.recording,
        opening: opened.opening.clone(),
        until: When::new(until, now),
        length,
        begins: When::new(proto::Millis(media.zero / 1_000), now).in_words(),
        screens: media.files.iter().skip(1).map(screen).collect(),
        marks: marks(media),
        rows: transcript::rows(&opened.lines, &opened.manifest)
            .into_iter()
            .map(said)
            .collect(),
        notes: media.notes.clone(),
        damage: opened.damage.iter().map(ToString::to_string).collect(),
    })?;
    play.shown();
    page.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    Ok(page)
}

/// The page is left, or closed: what it played is forgotten. An older page's word does not count for
/// what was opened since.
pub(super) async fn leave(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path((case, recording)): Path<(String, String)>,
    Form(Left { opening }): Form<Left>,
) -> Result<StatusCode, Trouble> {
    let play = playing(&recorder, &signed, &case, &recording)?;
    let play = play.filter(|play| play.opened.opening == opening);
    let play = play.ok_or(Trouble::NotFound)?;
    recorder.playing.left(&play);
    Ok(StatusCode::NO_CONTENT)
}

/// What is missing in the call, and in which of its people's files.
fn marks(media: &Rendition) -> Vec<Mark> {
    let Some((call, people)) = media.files.split_first() else {
        return Vec::new();
    };
    let relative = |at: i64| at.saturating_sub(media.zero) / 1_000;
    let mark = |chapter: &Chapter| {
        let holds = |(place, file): (usize, &File)| {
            let its = file.chapters.binary_search(chapter);
            its.is_ok().then(|| place.to_string())
        };
        let screens: Vec<String> = people.iter().enumerate().filter_map(holds).collect();
        Mark {
            from: relative(chapter.from),
            to: relative(chapter.to),
            clock: clock(relative(chapter.from)),
            text: chapter.text.clone(),
            screens: screens.join(" "),
        }
    };
    call.chapters.iter().map(mark).collect()
}

fn screen(file: &File) -> Screen {
    let name = file.name.split('.').next().unwrap_or_default();
    let (screen, camera) = (name.split_once("-screen"), name.split_once("-camera"));
    let (person, kind) = match (screen, camera) {
        (Some((person, _)), _) => (person, "screen"),
        (_, Some((person, _))) => (person, "camera"),
        _ if file.pictures => (name, "camera"),
        _ => (name, "sound"),
    };
    Screen {
        title: format!("{person}, {kind}"),
        kind,
        from: file.from,
        to: file.milliseconds,
        still: file
            .still
            .iter()
            .map(|(from, to)| format!("{from}-{to}"))
            .collect(),
        silent: name != person,
        file: file.name.clone(),
    }
}

/// "1:02:09" from the beginning.
fn clock(milliseconds: i64) -> String {
    let seconds = milliseconds.max(0) / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

pub(super) async fn file(
    State(recorder): State<Arc<Recorder>>,
    signed: Signed,
    Path((case, recording, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let play = playing(&recorder, &signed, &case, &recording)?.ok_or(Trouble::NotFound)?;
    let files = &play.opened.media.files;
    let place = files
        .iter()
        .position(|file| file.name == name)
        .ok_or(Trouble::NotFound)?;
    let file = files.get(place).ok_or(Trouble::NotFound)?;
    let length = file.bytes.len();
    let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    if let Some(range) = wanted(&headers, length) {
        response = Response::new(body(&play, place, range.clone()));
        let bytes = range.end - range.start;
        set(&mut response, header::CONTENT_LENGTH, &bytes.to_string());
        if headers.contains_key(header::RANGE) {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let says = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            set(&mut response, header::CONTENT_RANGE, &says);
        }
    } else {
        let says = format!("bytes */{length}");
        set(&mut response, header::CONTENT_RANGE, &says);
    }
    set(&mut response, header::CONTENT_TYPE, file.mime);
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    Ok(response)
}

fn set(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Which bytes a request wants (RFC 9110, 14.2): one range, or all. `None` if there are none there.
fn wanted(headers: &HeaderMap, length: u64) -> Option<Range<u64>> {
    let all = Some(0..length);
    let Some(range) = headers.get(header::RANGE).and_then(|v| v.to_str().ok()) else {
        return all;
    };
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|r| r.split_once('-')) else {
        return all;
    };
    let (from, to): (Option<u64>, Option<u64>) = (from.trim().parse().ok(), to.trim().parse().ok());
    let range = match (from, to) {
        (Some(from), Some(to)) => from..to.saturating_add(1).min(length),
        (Some(from), None) => from..length,
        (None, Some(last)) => length.saturating_sub(last)..length,
        (None, None) => return all,
    };
    (!range.is_empty()).then_some(range)
}

/// The bytes, piece by piece. Nothing but a weak reference waits with a slow reader: once the shares
/// are locked again, the stream breaks.
fn body(play: &Arc<Play>, place: usize, range: Range<u64>) -> Body {
    let state = (Arc::downgrade(play), range);
    Body::from_stream(stream::unfold(state, move |(play, range)| async move {
        if range.is_empty() {
            return None;
        }
        let end = range.end.min(range.start + PIECE);
        let Some(bytes) = piece(&play, place, range.start..end) else {
            let gone = std::io::Error::other("the shares are locked again");
            return Some((Err(gone), (play, 0..0)));
        };
        Some((Ok(bytes), (play, end..range.end)))
    }))
}

fn piece(play: &Weak<Play>, place: usize, range: Range<u64>) -> Option<Bytes> {
    let play = play.upgrade()?;
    let file = play.opened.media.files.get(place)?;
    let pieces: Vec<Bytes> = file.bytes.range(range).collect();
    Some(pieces.concat().into())
}

fn playing(
    recorder: &Recorder,
    signed: &Signed,
    case: &str,
    recording: &str,
) -> Result<Option<Arc<Play>>, Trouble> {
    let case: CaseId = case.parse().map_err(|_| Trouble::NotFound)?;
    let recording: RecordingId = recording.parse().map_err(|_| Trouble::NotFound)?;
    let (officer, now) = (signed.officer.id, recorder.now());
    Ok(recorder
        .playing
        .of(officer, case, recording, &recorder.unlocked, now)
        .filter(|play| play.opened.manifest.tenant == signed.tenant.id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_a_browser_means_it() {
        let read = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            wanted(&headers, 100)
        };
        assert_eq!(wanted(&HeaderMap::new(), 100), Some(0..100));
        assert_eq!(read("bytes=0-"), Some(0..100));
        assert_eq!(read("bytes=10-19"), Some(10..20));
        assert_eq!(read("bytes=90-200"), Some(90..100));
        assert_eq!(read("bytes=-5"), Some(95..100));
        assert_eq!(read("bytes=100-"), None);
        assert_eq!(read("bytes=9-3"), None);
        assert_eq!(read("pages=1-2"), Some(0..100));
        assert_eq!(clock(3_729_999), "1:02:09");
    }
}
