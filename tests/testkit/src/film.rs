//! What is in an exported WebM, as FFmpeg and MKVToolNix see it: streams, length, chapters; when
//! something flashes and what it shows, when something beeps, when nothing is heard.
//!
//! Times are seconds of the file's own time line. What is looked for is what a performer shows: its
//! flashes, blocks and tones.

mod sound;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

use self::sound::RATE;
pub use self::sound::{Sound, apart};

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

/// A picture of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// When it is shown.
    pub at: f64,
    /// Whether its upper half is lit.
    pub lit: bool,
    /// What the blocks below say.
    pub number: u8,
    /// What the lowest blocks say, in 256ths.
    pub fraction: f64,
}

/// A flash, and the second that is written beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flash {
    /// When it began: by what the first picture that is there of it says has passed since.
    pub at: f64,
    /// Which second of the performer's clock it is, modulo 256.
    pub second: u8,
}

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
        // Times as they are: FFmpeg would count pictures to a rate of its own guess.
        let times = ["-fps_mode", "passthrough", "-enc_time_base", "-1"];
        let nowhere = ["-map", "0", "-f", "null", "-"];
        let after = [times.as_slice(), nowhere.as_slice()].concat();
        run("ffmpeg", &self.path, &all, &after).await?;
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
        Ok(Sound::of(samples.map(|s| f32::from_le_bytes(*s)).collect()))
    }

    /// The frames of a stream as they are stored: when each is due, and SHA-256 of its bytes.
    pub async fn frames(&self, stream: &Stream) -> Result<Vec<(f64, String)>> {
        #[derive(Deserialize)]
        struct Probed {
            packets: Vec<Packet>,
        }
        #[derive(Deserialize)]
        struct Packet {
            pts_time: String,
            data_hash: String,
        }
        let map = stream.index.to_string();
        let said = run(
            "ffprobe",
            &self.path,
            &[
                "-v",
                "error",
                "-of",
                "json",
                "-select_streams",
                &map,
                "-show_packets",
                "-show_data_hash",
                "sha256",
                "-i",
            ],
            &[],
        )
        .await?;
        let probed: Probed = serde_json::from_slice(&said)?;
        let frames = probed.packets.into_iter().map(|packet| {
            let hash = packet.data_hash.trim_start_matches("SHA256:").to_owned();
            anyhow::Ok((packet.pts_time.parse()?, hash))
        });
        frames.collect()
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

    /// The pictures of a stream: when each is shown, whether its upper half is lit, and the numbers in
    /// the blocks of its lower one.
    pub async fn pictures(&self, stream: &Stream) -> Result<Vec<Picture>> {
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
                "-fps_mode",
                "passthrough",
                "-enc_time_base",
                "-1",
                "-f",
                "rawvideo",
                "-",
            ],
        )
        .await?;
        let seen: Vec<&[u8]> = said.chunks_exact(WIDTH * HEIGHT).collect();
        ensure!(
            seen.len() == times.len(),
            "{} pictures at {} times",
            seen.len(),
            times.len()
        );
        Ok(seen
            .into_iter()
            .zip(times)
            .map(|(picture, at)| Picture {
                at,
                lit: brightness(picture, 2..30, 1..9) > LIT,
                number: number(picture, 14..17),
                fraction: f64::from(number(picture, 20..23)) / 256.0,
            })
            .collect())
    }

    /// The flashes of a stream whose beginning is in it.
    pub async fn flashes(&self, stream: &Stream) -> Result<Vec<Flash>> {
        let mut flashes = Vec::new();
        // Where pictures begin, a flash may have been on already.
        let mut lit = true;
        for picture in self.pictures(stream).await? {
            if picture.lit && !lit {
                flashes.push(Flash {
                    at: picture.at - picture.fraction,
                    second: picture.number,
                });
            }
            lit = picture.lit;
        }
        Ok(flashes)
    }
}

/// The eight blocks in these rows: the highest bit first.
fn number(picture: &[u8], rows: core::ops::Range<usize>) -> u8 {
    (0..8).fold(0, |bits, block| {
        let from = block * 4;
        let on = brightness(picture, from + 1..from + 3, rows.clone()) > LIT;
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

    /// A film of four seconds with flashes at 1.00 and 3.00, the tone 30 ms later, and the second 3
    /// in its blocks. The first picture of each flash is not there: the next one says that 10/256
    /// of a second have passed.
    async fn made(folder: &Path) -> Result<PathBuf> {
        let file = folder.join("made.webm");
        let lit = "between(mod(t+1,2),0.03,0.12)";
        let picture = format!(
            "color=black:s=320x240:r=25:d=4,drawbox=c=white:w=320:h=120:t=fill:enable='{lit}',\
             drawbox=c=white:x=240:y=120:w=80:h=60:t=fill,\
             drawbox=c=white:x=160:y=180:w=40:h=60:t=fill,\
             drawbox=c=white:x=240:y=180:w=40:h=60:t=fill"
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
