//! Clocks that run fast or slow, stand still and leap: what was made together is shown together.

use proto::notice::Modality::{Audio, Video};
use seal::media::{Item, PauseCause};

use super::BEGAN;
use super::made::{PICTURES, SOUND, Sender, film, of, shown};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// By how many milliseconds each frame is shown later than it was made; the smallest and the largest.
fn off(shown: &[(u32, i64)], every: i64) -> (i64, i64) {
    let off = shown
        .iter()
        .map(|(number, at)| at - i64::from(*number) * every / 1_000);
    (off.clone().min().unwrap(), off.max().unwrap())
}

/// By how many milliseconds sound and pictures are apart at most; and how much each is off.
fn apart(tracks: &[Vec<(u32, i64)>]) -> (i64, [(i64, i64); 2]) {
    let (sound, pictures) = (
        off(&tracks[0], SOUND.every),
        off(&tracks[1], PICTURES.every),
    );
    let (from, to) = (sound.0.min(pictures.0), sound.1.max(pictures.1));
    (to - from, [sound, pictures])
}

#[test]
fn after_an_hour_sound_and_pictures_fit_whichever_clock_runs_fast_or_slow() {
    for drift in [100, 300, -300] {
        // The sound card's alone, the whole computer's, and one against the other.
        for (wall, card) in [(0, drift), (drift, drift), (drift, -drift)] {
            let clocks = |sender: Sender, media| Sender {
                wall,
                media,
                ..sender
            };
            let sound = clocks(SOUND, card).sends(0, HOUR, 0);
            let pictures = clocks(PICTURES, wall).sends(0, HOUR, 0);
            let film = film(&[of(Audio, sound), of(Video, pictures)]);
            assert_eq!(film.notes, Vec::<String>::new());
            let tracks = shown(&film, "visitor.webm");
            assert_eq!(
                (tracks[0].len(), tracks[1].len()),
                (60_000, 36_000),
                "every frame is there"
            );
            let (apart, off) = apart(&tracks);
            assert!(apart <= 10, "clock {wall} ppm, card {card} ppm: {off:?}");
        }
    }
}

#[test]
fn sequence_numbers_and_rtp_times_that_wrap_around_change_nothing() {
    let wrapping = |sender: Sender| Sender {
        // Half a minute before the end of both.
        time: u32::MAX - 30 * u32::try_from(sender.rate()).unwrap(),
        seq: 2 * 65_536 - 200,
        ..sender
    };
    let films = [|sender: Sender| sender, wrapping].map(|made| {
        let sound = made(SOUND).sends(0, 60 * SECOND, 0);
        let pictures = made(PICTURES).sends(0, 60 * SECOND, 0);
        film(&[of(Audio, sound), of(Video, pictures)])
    });
    let [plain, wrapped] = films.each_ref().map(|film| shown(film, "call.webm"));
    assert_eq!((plain[0].len(), plain[1].len()), (1_000, 600));
    assert_eq!(plain, wrapped);
    assert_eq!(films[1].notes, Vec::<String>::new());
}

#[test]
fn a_report_that_a_busy_sender_wrote_late_moves_nothing() {
    let mut pictures = PICTURES.sends(0, 60 * SECOND, 0);
    let reports = pictures.iter_mut().filter_map(|item| match item {
        Item::Report(report) => Some(report),
        _ => None,
    });
    // Every third is 120 ms late, the last one too.
    let mut late = 0;
    for report in reports.skip(2).step_by(3) {
        report.ntp += (120 << 32) / 1_000;
        late += 1;
    }
    assert_eq!(late, 4, "of twelve");
    let sound = SOUND.sends(0, 60 * SECOND, 0);
    let film = film(&[of(Audio, sound), of(Video, pictures)]);
    let tracks = shown(&film, "visitor.webm");
    let (apart, off) = apart(&tracks);
    assert!(apart <= 5, "{off:?}");
}

/// Sound that is muted after ten seconds; its RTP time may stand still meanwhile, as browsers' does.
fn muted(sender: Sender, lasts: i64, stood: bool) -> Vec<Item> {
    let (from, to) = (10 * SECOND, 10 * SECOND + lasts);
    let mut items = sender.sends(0, from, 0);
    items.push(Item::Pause {
        at: BEGAN + from + 100_000,
        cause: PauseCause::Muted,
    });
    items.push(Item::Resume { at: BEGAN + to });
    let before = u32::try_from(from / sender.every).unwrap() + 1;
    let again = Sender {
        first: u32::try_from(to / sender.every).unwrap(),
        seq: sender.seq + before,
        ..sender
    };
    items.extend(again.sends(to, 40 * SECOND, if stood { lasts } else { 0 }));
    items
}

#[test]
fn who_was_muted_is_in_step_again_though_the_sounds_clock_stood_still_meanwhile() {
    for lasts in [600_000, 1_200_000, 1_800_000, 3_000_000, 9_000_000] {
        for reports in [true, false] {
            for stood in [true, false] {
                let made = |sender: Sender| Sender { reports, ..sender };
                let sound = muted(made(SOUND), lasts, stood);
                let pictures = made(PICTURES).sends(0, 40 * SECOND, 0);
                let film = film(&[of(Audio, sound), of(Video, pictures)]);
                let tracks = shown(&film, "visitor.webm");
                let (apart, off) = apart(&tracks);
                // Without reports their ways differ by 30 ms.
                assert!(
                    apart <= 60,
                    "{lasts} µs, reports {reports}, stood {stood}: {off:?}"
                );
            }
        }
    }
}

#[test]
fn an_rtp_time_that_leaps_in_mid_stream_moves_nothing() {
    for leap in [1_u32 << 28, 1 << 31, u32::MAX - (1 << 28)] {
        for reports in [true, false] {
            let sender = Sender { reports, ..SOUND };
            let mut items = sender.sends(0, 12 * SECOND, 0);
            let after = Sender {
                time: sender.time.wrapping_add(leap),
                first: 200,
                seq: sender.seq + 200,
                ..sender
            };
            items.extend(after.sends(12 * SECOND, 30 * SECOND, 0).into_iter().skip(1));
            let tracks = shown(&film(&[of(Audio, items)]), "visitor.webm");
            assert_eq!(tracks[0].len(), 500);
            let off = off(&tracks[0], SOUND.every);
            assert!(off.1 - off.0 <= 45, "{leap}, reports {reports}: {off:?}");
        }
    }
}

#[test]
fn a_time_that_cannot_be_is_not_believed_and_that_is_said() {
    let sounds = Sender {
        reports: false,
        ..SOUND
    };
    let mut items = sounds.sends(0, 20 * SECOND, 0);
    let first = items.iter_mut().find_map(|item| match item {
        Item::Rtp(packet) => Some(packet),
        _ => None,
    });
    // Ten seconds before the next, which comes right behind it.
    let first = first.unwrap();
    first.time = first.time.wrapping_sub(480_000);
    let film = film(&[of(Audio, items)]);
    assert_eq!(
        film.notes,
        [
            "visitor sound: 1 packet put elsewhere than the sender's clock says: that is more than 3 s before they came, or 1 s after"
        ]
    );
}
