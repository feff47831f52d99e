//! Makes a picture smaller with the Lanczos filter (three lobes), in place: a row is written only where rows were read before, and
//! beside the picture there are only the few rows that the filter looks at. Colours are weighted by their opacity, so that what is
//! hidden in transparent places does not bleed into the edges.

use std::collections::VecDeque;
use std::f64::consts::PI;

use super::pixels::{Pixels, to_byte};

const LOBES: f64 = 3.0;

/// The largest size of the same shape within the bounds; never larger than `size`, never less than one pixel.
pub(super) fn fit(size: (u32, u32), width_max: u32, height_max: u32) -> (u32, u32) {
    let (width, height) = size;
    if width <= width_max && height <= height_max {
        return size;
    }
    let scaled = |side: u32, by: u32, of: u32| {
        let nearest = (u64::from(side) * u64::from(by) + u64::from(of) / 2) / u64::from(of);
        u32::try_from(nearest).unwrap_or(u32::MAX).max(1)
    };
    if u64::from(width_max) * u64::from(height) <= u64::from(height_max) * u64::from(width) {
        (width_max, scaled(height, width_max, width))
    } else {
        (scaled(width, height_max, height), height_max)
    }
}

/// Resamples to `size`, which must not be larger on either side.
pub(super) fn shrink(pixels: &mut Pixels, size: (u32, u32)) {
    if size == (pixels.width, pixels.height) {
        return;
    }
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let (new_width, new_height) = (size.0 as usize, size.1 as usize);
    let channels = pixels.layout.channels();
    let across: Vec<Taps> = (0..new_width).map(|x| Taps::of(x, new_width, width)).collect();
    let mut window: VecDeque<Vec<f32>> = VecDeque::new();
    let (mut first, mut next) = (0, 0);
    let mut sums = vec![0.0; new_width * channels];
    let mut row = vec![0.0; width * channels];
    for y in 0..new_height {
        let down = Taps::of(y, new_height, height);
        while next < down.first + down.weights.len() {
            let from = &pixels.bytes[next * width * channels..(next + 1) * width * channels];
            weigh(from, &mut row, pixels);
            window.push_back(squeeze(&row, &across, channels));
            next += 1;
        }
        while first < down.first {
            window.pop_front();
            first += 1;
        }
        sums.fill(0.0);
        for (weight, row) in down.weights.iter().zip(&window) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
        let alpha = pixels.layout.has_alpha();
        let into = &mut pixels.bytes[y * new_width * channels..(y + 1) * new_width * channels];
        unweigh(&sums, into, channels, alpha);
    }
    pixels.bytes.truncate(new_width * new_height * channels);
    pixels.bytes.shrink_to_fit();
    (pixels.width, pixels.height) = size;
}

/// The old pixels that one new pixel is made of.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn of(index: usize, new_side: usize, side: usize) -> Self {
        let scale = side as f64 / new_side as f64;
        let centre = (index as f64 + 0.5) * scale;
        let first = (centre - LOBES * scale).floor().max(0.0) as usize;
        let end = ((centre + LOBES * scale).ceil() as usize).min(side);
        let weights: Vec<f64> =
            (first..end).map(|at| lanczos((at as f64 + 0.5 - centre) / scale)).collect();
        let sum: f64 = weights.iter().sum();
        Self { first, weights: weights.into_iter().map(|weight| (weight / sum) as f32).collect() }
    }
}

fn lanczos(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    if x.abs() >= LOBES {
        return 0.0;
    }
    let x = PI * x;
    LOBES * x.sin() * (x / LOBES).sin() / (x * x)
}

/// Bytes as numbers, colours times opacity.
fn weigh(from: &[u8], into: &mut [f32], pixels: &Pixels) {
    let channels = pixels.layout.channels();
    if !pixels.layout.has_alpha() {
        for (value, byte) in into.iter_mut().zip(from) {
            *value = f32::from(*byte);
        }
        return;
    }
    for (values, bytes) in into.chunks_exact_mut(channels).zip(from.chunks_exact(channels)) {
        let alpha = f32::from(bytes[channels - 1]);
        for (value, byte) in values.iter_mut().zip(bytes) {
            *value = f32::from(*byte) * alpha / 255.0;
        }
        values[channels - 1] = alpha;
    }
}

/// One row, resampled from left to right.
fn squeeze(row: &[f32], across: &[Taps], channels: usize) -> Vec<f32> {
    let mut squeezed = vec![0.0; across.len() * channels];
    match channels {
        1 => squeeze_channels::<1>(row, across, &mut squeezed),
        2 => squeeze_channels::<2>(row, across, &mut squeezed),
        3 => squeeze_channels::<3>(row, across, &mut squeezed),
        _ => squeeze_channels::<4>(row, across, &mut squeezed),
    }
    squeezed
}

/// The inmost loop, with a number of channels that the compiler knows.
fn squeeze_channels<const CHANNELS: usize>(row: &[f32], across: &[Taps], into: &mut [f32]) {
    let row = row.as_chunks::<CHANNELS>().0;
    for (into, taps) in into.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(across) {
        let mut sums = [0.0; CHANNELS];
        for (weight, pixel) in taps.weights.iter().zip(&row[taps.first..]) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += weight * value;
            }
        }
        *into = sums;
    }
}

fn unweigh(sums: &[f32], into: &mut [u8], channels: usize, alpha: bool) {
    for (values, bytes) in sums.chunks_exact(channels).zip(into.chunks_exact_mut(channels)) {
        let opacity = values[channels - 1];
        let factor = if !alpha {
            1.0
        } else if opacity > 0.0 {
            255.0 / opacity
        } else {
            0.0
        };
        for (byte, value) in bytes.iter_mut().zip(values) {
            *byte = to_byte(value * factor);
        }
        if alpha {
            bytes[channels - 1] = to_byte(opacity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pixels::Layout;
    use super::*;

    #[test]
    fn a_picture_fits_keeps_its_shape_and_is_never_enlarged() {
        for (size, bounds, want) in [
            ((400, 300), (100, 16384), (100, 75)),
            ((400, 300), (16384, 75), (100, 75)),
            ((400, 300), (100, 10), (13, 10)),
            ((400, 300), (400, 300), (400, 300)),
            ((400, 300), (1000, 1000), (400, 300)),
            ((16384, 1), (8, 8), (8, 1)),
            ((1, 9000), (100, 90), (1, 90)),
        ] {
            assert_eq!(fit(size, bounds.0, bounds.1), want);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_fitted_size_is_within_its_bounds(w in 1u32..16384, h in 1u32..16384, x in 1u32..16384, y in 1u32..16384) {
            let (width, height) = fit((w, h), x, y);
            proptest::prop_assert!((1..=w.min(x)).contains(&width) && (1..=h.min(y)).contains(&height));
            proptest::prop_assert!(width == w.min(x) || height == h.min(y));
        }

        #[test]
        fn one_colour_stays_that_colour(w in 1usize..40, h in 1usize..40, to_w in 1usize..40, to_h in 1usize..40, colour: [u8; 4]) {
            let mut pixels = Pixels { width: w as u32, height: h as u32, layout: Layout::Rgba, bytes: colour.repeat(w * h) };
            let size = (to_w.min(w), to_h.min(h));
            shrink(&mut pixels, (size.0 as u32, size.1 as u32));
            proptest::prop_assert_eq!(pixels.bytes.len(), size.0 * size.1 * 4);
            for pixel in pixels.bytes.chunks_exact(4) {
                proptest::prop_assert_eq!(pixel[3], colour[3]);
                // With nearly no opacity there is nearly no precision left, and nothing to see.
                proptest::prop_assert!(colour[3] < 8 || (0..3).all(|at| pixel[at].abs_diff(colour[at]) <= 1));
            }
        }
    }

    #[test]
    fn places_stay_where_they_are() {
        let row = |at: u8| (0..64).map(move |x: u8| if x < 32 { at } else { 255 - at });
        let mut pixels = Pixels {
            width: 64,
            height: 64,
            layout: Layout::Gray,
            bytes: (0..64).flat_map(|y: u8| row(if y < 32 { 0 } else { 255 })).collect(),
        };
        shrink(&mut pixels, (8, 8));
        let at = |x: usize, y: usize| pixels.bytes[y * 8 + x];
        assert!(
            at(1, 1) < 8 && at(6, 6) < 8 && at(6, 1) > 247 && at(1, 6) > 247,
            "{:?}",
            pixels.bytes
        );
    }

    #[test]
    fn hidden_colours_do_not_bleed() {
        let bytes = (0..16 * 16)
            .flat_map(|at| if at % 16 < 8 { [255, 0, 0, 255] } else { [0, 255, 0, 0] })
            .collect();
        let mut pixels = Pixels { width: 16, height: 16, layout: Layout::Rgba, bytes };
        shrink(&mut pixels, (5, 5));
        assert!(
            pixels
                .bytes
                .chunks_exact(4)
                .all(|pixel| pixel[3] == 0 || (pixel[0] > 250 && pixel[1] < 5))
        );
    }
}
