//! What is in an exported WebM, as FFmpeg and MKVToolNix see it: streams, length, chapters; when
//! something flashes and what it shows, when something beeps, when nothing is heard.
//!
//! Times are seconds of the file's own time line. What is looked for is what a performer shows: its
//! flashes, blocks and tones.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// Samples a second of decoded sound.
const RATE: usize = 8000;
/// Decoded pictures are this large: each block of the pattern is some pixels of it.
const WIDTH: usize = 32;
const HEIGHT: usize = 24;
/// Brighter than this is lit.
const LIT: f64 = 110.0;

/// A film, looked at by `ffprobe`.
#[derive(Debug)]
pub struct Film {
    path: PathBuf,
    /// Its streams, in the file's order.
    pub streams: Vec<Stream>,
    /// Its chapters.
    pub chapters: Vec<Chapter>,
    /// Seconds, as the file says.
    pub duration: f64,
}

/// One stream.
#[derive(Debug, Clone, Deserialize)]
pub struct Stream {
    /// Its place in the file.
    pub index: usize,
    /// `opus`, `vp8`, `h264`.
    pub codec_name: String,
    /// `audio` or `video`.
    pub codec_type: String,
    /// Pictures: as wide as this.
    pub width: Option<u32>,
    /// What the file says of it.
    #[serde(default)]
    pub tags: Tags,
}

/// What a file says of a stream or a chapter.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Tags {
    /// Its name.
    pub title: Option<String>,
}

/// A chapter.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// From here.
    pub start: f64,
    /// To here.
    pub end: f64,
    /// Its name.
    pub title: String,
}

/// A flash, and the second that is written beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flash {
    /// When its first picture is shown.
    pub at: f64,
    /// Which second of the performer's clock it is, modulo 256.
    pub second: u8,
}

/// Decoded sound of one stream, in mono.
pub struct Sound(Vec<f32>);

impl Film {
    /// Looks at the file; a complaint of `ffprobe`'s is an error.
    pub async fn open(path: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct Probed {
            streams: Vec<Stream>,
            format: Format,
            chapters: Vec<Marked>,
        }
        #[derive(Deserialize)]
        struct Format {
            duration: String,
        }
        #[derive(Deserialize)]
        struct Marked {
            start_time: String,
            end_time: String,
            #[serde(default)]
            tags: Tags,
        }
        let said = run(
            "ffprobe",
            path,
            &[
                "-v",
                "warning",
                "-of",
                "json",
                "-show_streams",
                "-show_format",
                "-show_chapters",
                "-i",
            ],
            &[],
        )
        .await?;
        let probed: Probed = serde_json::from_slice(&said)?;
        let chapters = probed.chapters.into_iter().map(|marked| {
            anyhow::Ok(Chapter {
                start: marked.start_time.parse()?,
                end: marked.end_time.parse()?,
                title: marked.tags.title.unwrap_or_default(),
            })
        });
        Ok(Self {
            path: path.to_owned(),
            streams: probed.streams,
            chapters: chapters.collect::<Result<_>>()?,
            duration: probed.format.duration.parse()?,
        })
    }

    /// The stream of this kind (`audio`, `video`), where there is one and no more.
    pub fn only(&self, kind: &str) -> Result<&Stream> {
        let mut fitting = self.streams.iter().filter(|s| s.codec_type == kind);
        let found = fitting.next().with_context(|| format!("no {kind}"))?;
        ensure!(fitting.next().is_none(), "more than one {kind}");
        Ok(found)
    }

    /// Whether FFmpeg decodes all of it, and MKVToolNix reads all of it, without a complaint.
    pub async fn is_clean(&self) -> Result<()> {
        let all = ["-v", "warning", "-xerror", "-i"];
        run(
            "ffmpeg",
            &self.path,
            &all,
            &["-map", "0", "-f", "null", "-"],
        )
        .await?;
        let info = run("mkvinfo", &self.path, &["--all"], &[]).await?;
        let info = String::from_utf8_lossy(&info);
        ensure!(info.contains("+ Cluster"), "mkvinfo sees no cluster");
        for complaint in ["rror", "nknown element", "EBML void (dummy", "amaged"] {
            let line = info.lines().find(|line| line.contains(complaint));
            ensure!(line.is_none(), "mkvinfo says: {line:?}");
        }
        Ok(())
    }

    /// The sound of a stream. Where the file has none for a while, it is silent.
    pub async fn sound(&self, stream: &Stream) -> Result<Sound> {
        let map = format!("0:{}", stream.index);
        let rate = RATE.to_string();
        let said = run(
            "ffmpeg",
            &self.path,
            &["-v", "error", "-copyts", "-i"],
            &[
                "-map",
                &map,
                "-af",
                "aresample=async=1:min_hard_comp=0.02:first_pts=0",
                "-ac",
                "1",
                "-ar",
                &rate,
                "-f",
                "f32le",
                "-",
            ],
        )
        .await?;
        let samples = said.as_chunks().0.iter();
        Ok(Sound(samples.map(|s| f32::from_le_bytes(*s)).collect()))
    }

    /// When each picture of a stream is shown.
    pub async fn times(&self, stream: &Stream) -> Result<Vec<f64>> {
        let map = stream.index.to_string();
        let said = run(
            "ffprobe",
            &self.path,
            &[
                "-v",
                "error",
                "-of",
                "csv=p=0",
                "-select_streams",
                &map,
                "-show_entries",
                "frame=best_effort_timestamp_time",
                "-i",
            ],
            &[],
        )
        .await?;
        let lines = std::str::from_utf8(&said)?.lines();
        let times = lines.map(|line| line.trim_end_matches(',')).map(str::parse);
        Ok(times.collect::<Result<_, _>>()?)
    }

    /// The flashes of a stream whose beginning is in it.
    pub async fn flashes(&self, stream: &Stream) -> Result<Vec<Flash>> {
        let times = self.times(stream).await?;
        let map = format!("0:{}", stream.index);
        let scale = format!("scale={WIDTH}:{HEIGHT}:flags=area,format=gray");
        let said = run(
            "ffmpeg",
            &self.path,
            &["-v", "error", "-i"],
            &[
                "-map",
                &map,
                "-vf",
                &scale,
                "-vsync",
                "passthrough",
                "-f",
                "rawvideo",
                "-",
            ],
        )
        .await?;
        let pictures: Vec<&[u8]> = said.chunks_exact(WIDTH * HEIGHT).collect();
        ensure!(
            pictures.len() == times.len(),
            "{} pictures at {} times",
            pictures.len(),
            times.len()
        );
        let mut flashes = Vec::new();
        // Where pictures begin, or begin again, a flash may have been on already.
        let mut lit = true;
        let mut last = 0.0;
        for (picture, at) in pictures.into_iter().zip(times) {
            let flash = brightness(picture, 2..30, 1..9) > LIT;
            if flash && !lit && at - last < 0.2 {
                let second = second(picture);
                flashes.push(Flash { at, second });
            }
            lit = flash;
            last = at;
        }
        Ok(flashes)
    }
}

/// The eight blocks of the lower half: the highest bit first.
fn second(picture: &[u8]) -> u8 {
    (0..8).fold(0, |bits, block| {
        let from = block * 4;
        let on = brightness(picture, from + 1..from + 3, 16..21) > LIT;
        bits << 1 | u8::from(on)
    })
}

fn brightness(
    picture: &[u8],
    columns: core::ops::Range<usize>,
    rows: core::ops::Range<usize>,
) -> f64 {
    let mut sum = 0.0;
    let mut count = 0.0;
    for row in rows {
        for column in columns.clone() {
            sum += picture
                .get(row * WIDTH + column)
                .copied()
                .map_or(0.0, f64::from);
            count += 1.0;
        }
    }
    sum / count
}

#[expect(
    clippy::cast_precision_loss,
    reason = "samples of minutes are far below 2^52"
)]
impl Sound {
    /// How long it is.
    pub fn seconds(&self) -> f64 {
        self.0.len() as f64 / RATE as f64
    }

    /// The samples, 8000 a second.
    pub fn samples(&self) -> &[f32] {
        &self.0
    }

    /// When a tone of this many hertz begins, after at least a third of a second without it.
    pub fn beeps(&self, tone: f64) -> Vec<f64> {
        /// Samples between two looks, and of each look.
        const STEP: usize = RATE / 500;
        const LOOK: usize = RATE / 100;
        let strength: Vec<f64> = (0..self.0.len().saturating_sub(LOOK) / STEP)
            .map(|step| strength(self.0.get(step * STEP..step * STEP + LOOK), tone))
            .collect();
        let loudest = strength.iter().copied().fold(0.0, f64::max);
        let mut beeps = Vec::new();
        let mut quiet_since = Some(0);
        for (step, strength) in strength.into_iter().enumerate() {
            if loudest < 1e-5 {
                break;
            }
            if strength < loudest * 0.2 {
                quiet_since.get_or_insert(step);
            } else if let Some(since) = quiet_since.take()
                && (step - since > 500 / 3 || since == 0 && step > 10)
            {
                // Half of the look has the tone in it by now.
                beeps.push((step * STEP + LOOK / 2) as f64 / RATE as f64);
            }
        }
        beeps
    }

    /// The root of the mean square of a stretch: 0 is silent, a full sine 0.7.
    pub fn loudness(&self, from: f64, to: f64) -> f64 {
        let start = self.0.len().min(sample(from));
        let stretch = self.0.get(start..self.0.len().min(sample(to)));
        let stretch = stretch.unwrap_or_default();
        let sum: f64 = stretch.iter().map(|s| f64::from(*s).powi(2)).sum();
        (sum / (stretch.len().max(1) as f64)).sqrt()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a film of minutes"
)]
fn sample(at: f64) -> usize {
    (at.max(0.0) * 8000.0) as usize
}

/// How strong a tone is in these samples; nothing where they are mostly something else.
#[expect(
    clippy::cast_precision_loss,
    reason = "a look is a hundredth of a second"
)]
fn strength(samples: Option<&[f32]>, tone: f64) -> f64 {
    let samples = samples.unwrap_or_default();
    let count = samples.len().max(1) as f64;
    // Goertzel's: one line of a Fourier transform.
    let turn = 2.0 * (std::f64::consts::TAU * tone / RATE as f64).cos();
    let (mut one, mut two, mut all) = (0.0, 0.0, 0.0);
    for sample in samples.iter().copied().map(f64::from) {
        (one, two) = (sample + turn * one - two, one);
        all += sample * sample;
    }
    let power = (one * one + two * two - turn * one * two) / (count * count);
    // Of a pure tone it is a half.
    if power > 0.15 * all / count {
        power
    } else {
        0.0
    }
}

/// For each flash, how much later its beep is heard; negative where it is heard before. A flash
/// without a beep within half a second is an error.
pub fn apart(flashes: &[Flash], beeps: &[f64]) -> Result<Vec<f64>> {
    let nearest = flashes.iter().map(|flash| {
        beeps
            .iter()
            .map(|beep| beep - flash.at)
            .min_by(|a, b| a.abs().total_cmp(&b.abs()))
            .filter(|apart| apart.abs() < 0.5)
            .with_context(|| format!("no beep near the flash at {:.3}: {beeps:.2?}", flash.at))
    });
    nearest.collect()
}

/// Runs a tool on a file; whatever it complains of is an error.
async fn run(tool: &str, file: &Path, before: &[&str], after: &[&str]) -> Result<Vec<u8>> {
    let done = Command::new(tool)
        .args(before)
        .arg(file)
        .args(after)
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .with_context(|| format!("{tool} cannot be started: run scripts/setup"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() || !said.trim().is_empty() {
        let said: Vec<&str> = said.lines().take(5).collect();
        bail!("{tool} of {}: {}", file.display(), said.join(" / "));
    }
    Ok(done.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A film of four seconds: the picture is lit, with the second 3 in its blocks, from 1.00 to
    /// 1.12 and from 3.00 to 3.12; the tone sounds 30 ms later.
    async fn made(folder: &Path) -> Result<PathBuf> {
        let file = folder.join("made.webm");
        let lit = "lt(mod(t+1,2),0.12)";
        let picture = format!(
            "color=black:s=320x240:r=25:d=4,drawbox=c=white:w=320:h=120:t=fill:enable='{lit}',\
             drawbox=c=white:x=240:y=120:w=80:h=120:t=fill"
        );
        let sound = "aevalsrc='if(lt(mod(t+0.97,2),0.12),0.5*sin(2*PI*1000*t),0)':s=48000:d=4";
        let done = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", &picture])
            .args(["-f", "lavfi", "-i", sound])
            .args(["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"])
            .arg(&file)
            .status()
            .await?;
        ensure!(done.success(), "no film was made");
        Ok(file)
    }

    #[tokio::test]
    async fn flashes_beeps_and_silence_are_found_where_they_are() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let film = Film::open(&made(folder.path()).await?).await?;
        film.is_clean().await?;
        assert!((film.duration - 4.0).abs() < 0.1, "{}", film.duration);
        let flashes = film.flashes(film.only("video")?).await?;
        assert_eq!(flashes.len(), 2, "{flashes:?}");
        assert!(flashes.iter().all(|flash| flash.second == 3), "{flashes:?}");
        let sound = film.sound(film.only("audio")?).await?;
        let beeps = sound.beeps(1000.0);
        assert_eq!(beeps.len(), 2, "{beeps:?}");
        for apart in apart(&flashes, &beeps)? {
            assert!((apart - 0.03).abs() < 0.015, "{apart}");
        }
        assert_eq!(sound.beeps(1700.0), Vec::<f64>::new());
        assert!(sound.loudness(0.1, 0.9) < 0.001);
        assert!(sound.loudness(1.04, 1.12) > 0.2);
        assert!(apart(&flashes, &[]).is_err());
        Ok(())
    }

    #[tokio::test]
    async fn a_damaged_film_is_not_clean() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = made(folder.path()).await?;
        let mut bytes = std::fs::read(&path)?;
        let middle = bytes.len() / 2;
        bytes[middle..middle + 400].fill(0xff);
        std::fs::write(&path, bytes)?;
        let clean = match Film::open(&path).await {
            Ok(film) => film.is_clean().await,
            Err(error) => Err(error),
        };
        assert!(clean.is_err(), "the damage is not seen");
        Ok(())
    }
}
