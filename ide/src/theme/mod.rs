//! Design tokens: the one place of colours, sizes and fonts.
//!
//! [`Palette`] is the colours of one theme, [`install`] hands both themes and the fonts to egui.
//! Everything that paints asks [`palette`] for colours by meaning, never by number.

mod fonts;
mod marks;
mod style;

use egui::{Color32, FontFamily, FontId};
use millstream_compiler::nodes::Family;

pub use marks::{family_shapes, paint_family};
pub use style::install;

/// One step of spacing; all distances are multiples of it.
pub const STEP: f32 = 4.0;
/// The corner radius of small things: fields, buttons, chips.
pub const RADIUS_SMALL: u8 = 6;
/// The corner radius of nodes, panels and windows.
pub const RADIUS: u8 = 8;
/// Text of the interface, in points.
pub const TEXT: f32 = 13.0;
/// Text that is data or SQL, in points.
pub const DATA: f32 = 12.0;
/// Labels and secondary text, in points.
pub const SMALL: f32 = 11.0;

/// The colours of a theme, by what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// Whether it is the dark theme.
    pub dark: bool,
    /// Behind the canvas and behind text that is edited.
    pub background: Color32,
    /// Panels around the canvas.
    pub panel: Color32,
    /// What lies on a panel or on the canvas: nodes, fields, chips.
    pub raised: Color32,
    /// What is under the pointer on a raised surface.
    pub hovered: Color32,
    /// Hairlines between surfaces.
    pub line: Color32,
    /// Text to read.
    pub text: Color32,
    /// Text that explains.
    pub muted: Color32,
    /// Text that can be overlooked, and the dots of the grid.
    pub faint: Color32,
    /// The one accent: selection, the main action, links.
    pub accent: Color32,
    /// Text on the accent.
    pub on_accent: Color32,
    /// Something is right.
    pub ok: Color32,
    /// Something may be wrong.
    pub warning: Color32,
    /// Something is wrong.
    pub error: Color32,
    /// Words of SQL with a meaning of their own.
    pub keyword: Color32,
    /// Text in quotes.
    pub string: Color32,
    /// Numbers.
    pub number: Color32,
    source: Color32,
    feature: Color32,
    join: Color32,
    model: Color32,
    sink: Color32,
}

impl Palette {
    /// Light text on quiet dark surfaces.
    pub const DARK: Palette = Palette {
        dark: true,
        background: Color32::from_rgb(0x14, 0x17, 0x1c),
        panel: Color32::from_rgb(0x1b, 0x1f, 0x26),
        raised: Color32::from_rgb(0x20, 0x25, 0x2d),
        hovered: Color32::from_rgb(0x29, 0x2f, 0x39),
        line: Color32::from_rgb(0x2b, 0x31, 0x3b),
        text: Color32::from_rgb(0xe6, 0xe9, 0xee),
        muted: Color32::from_rgb(0x8b, 0x94, 0xa3),
        faint: Color32::from_rgb(0x5b, 0x64, 0x72),
        accent: Color32::from_rgb(0x41, 0xbf, 0xa9),
        on_accent: Color32::from_rgb(0x0d, 0x1f, 0x1b),
        ok: Color32::from_rgb(0x5f, 0xbf, 0x77),
        warning: Color32::from_rgb(0xdb, 0xa6, 0x4a),
        error: Color32::from_rgb(0xe5, 0x60, 0x5a),
        keyword: Color32::from_rgb(0xa4, 0x8b, 0xe6),
        string: Color32::from_rgb(0x9a, 0xc8, 0x7f),
        number: Color32::from_rgb(0xe0, 0xa8, 0x6c),
        source: Color32::from_rgb(0x5a, 0xa2, 0xea),
        feature: Color32::from_rgb(0x41, 0xbf, 0xa9),
        join: Color32::from_rgb(0xa4, 0x8b, 0xe6),
        model: Color32::from_rgb(0xe9, 0xab, 0x3f),
        sink: Color32::from_rgb(0x87, 0x92, 0xa2),
    };

    /// Dark text on quiet light surfaces.
    pub const LIGHT: Palette = Palette {
        dark: false,
        background: Color32::from_rgb(0xf4, 0xf5, 0xf7),
        panel: Color32::from_rgb(0xfb, 0xfb, 0xfc),
        raised: Color32::from_rgb(0xff, 0xff, 0xff),
        hovered: Color32::from_rgb(0xec, 0xee, 0xf1),
        line: Color32::from_rgb(0xd9, 0xdd, 0xe3),
        text: Color32::from_rgb(0x1c, 0x21, 0x28),
        muted: Color32::from_rgb(0x5a, 0x64, 0x72),
        faint: Color32::from_rgb(0x98, 0xa1, 0xad),
        accent: Color32::from_rgb(0x12, 0x83, 0x70),
        on_accent: Color32::from_rgb(0xff, 0xff, 0xff),
        ok: Color32::from_rgb(0x2a, 0x80, 0x45),
        warning: Color32::from_rgb(0x90, 0x5e, 0x08),
        error: Color32::from_rgb(0xc2, 0x36, 0x31),
        keyword: Color32::from_rgb(0x6a, 0x48, 0xc2),
        string: Color32::from_rgb(0x3d, 0x7a, 0x27),
        number: Color32::from_rgb(0xa2, 0x5a, 0x12),
        source: Color32::from_rgb(0x1f, 0x6f, 0xc0),
        feature: Color32::from_rgb(0x12, 0x83, 0x70),
        join: Color32::from_rgb(0x6f, 0x51, 0xc4),
        model: Color32::from_rgb(0xb0, 0x74, 0x0c),
        sink: Color32::from_rgb(0x5e, 0x69, 0x79),
    };

    /// The colour of a family of node kinds.
    pub fn family(&self, family: Family) -> Color32 {
        match family {
            Family::Source => self.source,
            Family::Feature => self.feature,
            Family::Join => self.join,
            Family::Model => self.model,
            Family::Sink => self.sink,
        }
    }

    /// `over` laid on `under` with this share, both opaque: a tint that stays crisp.
    pub fn mix(under: Color32, over: Color32, share: f32) -> Color32 {
        let part = |a: u8, b: u8| {
            (f32::from(a) + (f32::from(b) - f32::from(a)) * share.clamp(0.0, 1.0)).round() as u8
        };
        Color32::from_rgb(
            part(under.r(), over.r()),
            part(under.g(), over.g()),
            part(under.b(), over.b()),
        )
    }
}

/// The colours of the theme that is shown.
pub fn palette(context: &egui::Context) -> &'static Palette {
    match context.theme() {
        egui::Theme::Dark => &Palette::DARK,
        egui::Theme::Light => &Palette::LIGHT,
    }
}

/// The interface's font in a size.
pub fn text_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// The interface's font, one weight heavier.
pub fn strong_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(fonts::STRONG.into()))
}

/// The font of data and SQL in a size.
pub fn data_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Monospace)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of WCAG 2.
    fn luminance(colour: Color32) -> f64 {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.03928 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(colour.r()) + 0.7152 * part(colour.g()) + 0.0722 * part(colour.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG AA asks 4.5 for text and 3 for what is only a shape.
    #[test]
    fn text_is_readable_in_both_themes() {
        for palette in [Palette::DARK, Palette::LIGHT] {
            for surface in [palette.background, palette.panel, palette.raised] {
                for text in [palette.text, palette.muted, palette.ok, palette.warning] {
                    let ratio = contrast(surface, text);
                    assert!(ratio >= 4.5, "{text:?} on {surface:?}: {ratio:.2}");
                }
                for shape in [
                    palette.accent,
                    palette.error,
                    palette.source,
                    palette.feature,
                    palette.join,
                    palette.model,
                    palette.sink,
                ] {
                    let ratio = contrast(surface, shape);
                    assert!(ratio >= 3.0, "{shape:?} on {surface:?}: {ratio:.2}");
                }
            }
            assert!(contrast(palette.accent, palette.on_accent) >= 4.5);
        }
    }
}
