//! Decoded pixels, 8 bits a channel. What can be done in place is done in place, because a picture may take hundreds of megabytes.

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ExtendedColorType, ImageBuffer};

use crate::domain::error::{Error, Result};

/// The channels of a pixel, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    pub(super) fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }

    pub(super) fn is_gray(self) -> bool {
        matches!(self, Self::Gray | Self::GrayAlpha)
    }

    pub(super) fn colour_type(self) -> ExtendedColorType {
        match self {
            Self::Gray => ExtendedColorType::L8,
            Self::GrayAlpha => ExtendedColorType::La8,
            Self::Rgb => ExtendedColorType::Rgb8,
            Self::Rgba => ExtendedColorType::Rgba8,
        }
    }
}

/// A picture in memory: rows from the top, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) layout: Layout,
    pub(super) bytes: Vec<u8>,
}

impl Pixels {
    /// Takes what a decoder made and narrows each channel to 8 bits.
    pub(super) fn from_decoded(
        width: u32,
        height: u32,
        colour: ColorType,
        mut bytes: Vec<u8>,
    ) -> Result<Self> {
        let layout = match colour {
            ColorType::L8 | ColorType::L16 => Layout::Gray,
            ColorType::La8 | ColorType::La16 => Layout::GrayAlpha,
            ColorType::Rgb8 | ColorType::Rgb16 | ColorType::Rgb32F => Layout::Rgb,
            ColorType::Rgba8 | ColorType::Rgba16 | ColorType::Rgba32F => Layout::Rgba,
            other => return Err(Error::internal(format!("decoded pixels are {other:?}"))),
        };
        match colour.bytes_per_pixel() / colour.channel_count() {
            2 => narrow(&mut bytes, |wide: [u8; 2]| {
                let value = (u32::from(u16::from_ne_bytes(wide)) + 128) / 257;
                u8::try_from(value).unwrap_or(u8::MAX)
            }),
            4 => narrow(&mut bytes, |wide: [u8; 4]| to_byte(f32::from_ne_bytes(wide) * 255.0)),
            _ => {}
        }
        Ok(Self { width, height, layout, bytes })
    }

    /// Puts the picture upright.
    pub(super) fn turned(self, orientation: Orientation) -> Result<Self> {
        if orientation == Orientation::NoTransforms {
            return Ok(self);
        }
        let Self { width, height, layout, bytes } = self;
        let image = match layout {
            Layout::Gray => {
                ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8)
            }
            Layout::GrayAlpha => {
                ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLumaA8)
            }
            Layout::Rgb => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
            Layout::Rgba => {
                ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgba8)
            }
        };
        let mut image = image.ok_or_else(|| Error::internal("pixels and size disagree"))?;
        image.apply_orientation(orientation);
        Ok(Self { width: image.width(), height: image.height(), layout, bytes: image.into_bytes() })
    }

    /// Lays the picture onto a colour, so that nothing is transparent any more.
    pub(super) fn flatten(&mut self, background: [u8; 3]) {
        if self.layout == Layout::GrayAlpha {
            self.spread(Layout::Rgba);
        }
        if self.layout != Layout::Rgba {
            return;
        }
        let pixels = self.bytes.len() / 4;
        for pixel in 0..pixels {
            let alpha = u32::from(self.bytes[4 * pixel + 3]);
            for (channel, behind) in background.into_iter().enumerate() {
                let front = u32::from(self.bytes[4 * pixel + channel]);
                let mixed = (front * alpha + u32::from(behind) * (255 - alpha) + 127) / 255;
                self.bytes[3 * pixel + channel] = u8::try_from(mixed).unwrap_or(u8::MAX);
            }
        }
        self.bytes.truncate(3 * pixels);
        self.bytes.shrink_to_fit();
        self.layout = Layout::Rgb;
    }

    /// Makes each pixel fully opaque or fully transparent, for a format that knows nothing between.
    pub(super) fn harden_alpha(&mut self) {
        if self.layout == Layout::Rgba {
            for pixel in self.bytes.chunks_exact_mut(4) {
                pixel[3] = if pixel[3] < 128 { 0 } else { 255 };
            }
        }
    }

    /// Adds the channels that `layout` has more: grey is copied to each colour, and everything is opaque.
    pub(super) fn spread(&mut self, layout: Layout) {
        let from = self.layout;
        if from == layout {
            return;
        }
        let mut spread = Vec::with_capacity(self.bytes.len() / from.channels() * layout.channels());
        for pixel in self.bytes.chunks_exact(from.channels()) {
            let colour =
                if from.is_gray() { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
            let alpha = if from.has_alpha() { pixel[from.channels() - 1] } else { 255 };
            match layout {
                Layout::Rgb => spread.extend(colour),
                Layout::Rgba => spread.extend([colour[0], colour[1], colour[2], alpha]),
                Layout::Gray => spread.push(colour[0]),
                Layout::GrayAlpha => spread.extend([colour[0], alpha]),
            }
        }
        self.bytes = spread;
        self.layout = layout;
    }
}

/// The nearest byte; what is no number becomes 0.
pub(super) fn to_byte(value: f32) -> u8 {
    // The cast saturates, which is what is wanted here.
    (value + 0.5) as u8
}

/// Rewrites `bytes` in place, `N` to one.
fn narrow<const N: usize>(bytes: &mut Vec<u8>, to_byte: impl Fn([u8; N]) -> u8) {
    let length = bytes.len() / N;
    for index in 0..length {
        let mut wide = [0; N];
        wide.copy_from_slice(&bytes[N * index..N * (index + 1)]);
        bytes[index] = to_byte(wide);
    }
    bytes.truncate(length);
    bytes.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(layout: Layout, bytes: &[u8]) -> Pixels {
        Pixels { width: 1, height: 1, layout, bytes: bytes.to_vec() }
    }

    #[test]
    fn wide_channels_become_bytes() {
        let words: Vec<u8> =
            [0u16, 128, 129, 32896, 65535, 65279].into_iter().flat_map(u16::to_ne_bytes).collect();
        let pixels = Pixels::from_decoded(2, 1, ColorType::Rgb16, words).unwrap();
        assert_eq!(
            (pixels.layout, &pixels.bytes[..]),
            (Layout::Rgb, &[0, 0, 1, 128, 255, 254][..])
        );
        let floats: Vec<u8> =
            [0.5f32, -1.0, 7.0, f32::NAN].into_iter().flat_map(f32::to_ne_bytes).collect();
        let pixels = Pixels::from_decoded(1, 1, ColorType::Rgba32F, floats).unwrap();
        assert_eq!(pixels.bytes, [128, 0, 255, 0]);
    }

    #[test]
    fn transparency_shows_the_background() {
        for (layout, bytes, want) in [
            (Layout::Rgba, &[200, 100, 50, 0][..], [10, 20, 30]),
            (Layout::Rgba, &[200, 100, 50, 255], [200, 100, 50]),
            (Layout::Rgba, &[200, 100, 50, 51], [48, 36, 34]),
            (Layout::GrayAlpha, &[90, 0], [10, 20, 30]),
        ] {
            let mut pixels = one(layout, bytes);
            pixels.flatten([10, 20, 30]);
            assert_eq!((pixels.layout, &pixels.bytes[..]), (Layout::Rgb, &want[..]));
        }
        let mut gray = one(Layout::Gray, &[7]);
        gray.flatten([0; 3]);
        assert_eq!(gray, one(Layout::Gray, &[7]));
    }

    #[test]
    fn half_transparent_is_opaque_and_less_is_not() {
        let mut pixels = Pixels {
            width: 2,
            height: 1,
            layout: Layout::Rgba,
            bytes: vec![1, 2, 3, 128, 4, 5, 6, 127],
        };
        pixels.harden_alpha();
        assert_eq!(pixels.bytes, [1, 2, 3, 255, 4, 5, 6, 0]);
    }
}
