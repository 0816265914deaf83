//! Decoded sound: when a tone begins, how loud it is, and how far flashes and beeps are apart.

use anyhow::{Context as _, Result};

use super::Flash;

/// Samples a second.
pub(super) const RATE: usize = 8000;

/// Decoded sound of one stream, in mono.
pub struct Sound(Vec<f32>);

#[expect(
    clippy::cast_precision_loss,
    reason = "samples of minutes are far below 2^52"
)]
impl Sound {
    pub(super) fn of(samples: Vec<f32>) -> Self {
        Self(samples)
    }

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
