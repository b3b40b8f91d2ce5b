//! egui's styles, drawn from the tokens.

use egui::style::{Selection, WidgetVisuals, Widgets};
use egui::{
    Color32, Context, CornerRadius, Margin, Shadow, Stroke, Style, TextStyle, Vec2, Visuals,
};

use super::{
    DATA, Palette, RADIUS, RADIUS_SMALL, SMALL, STEP, TEXT, data_font, fonts, strong_font,
    text_font,
};

/// Gives egui the fonts and both themes. Once, before the first frame.
pub fn install(context: &Context) {
    context.set_fonts(fonts::definitions());
    context.set_style_of(egui::Theme::Dark, style(&Palette::DARK));
    context.set_style_of(egui::Theme::Light, style(&Palette::LIGHT));
}

fn style(palette: &Palette) -> Style {
    let mut style = Style {
        visuals: visuals(palette),
        ..Style::default()
    };
    style.text_styles = [
        (TextStyle::Small, text_font(SMALL)),
        (TextStyle::Body, text_font(TEXT)),
        (TextStyle::Button, text_font(TEXT)),
        (TextStyle::Heading, strong_font(TEXT + 4.0)),
        (TextStyle::Monospace, data_font(DATA)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::new(2.0 * STEP, 1.5 * STEP);
    spacing.button_padding = Vec2::new(2.5 * STEP, STEP);
    spacing.menu_margin = Margin::same(6);
    spacing.menu_width = 264.0;
    spacing.window_margin = Margin::same(12);
    spacing.interact_size = Vec2::new(8.0 * STEP, 6.5 * STEP);
    spacing.icon_width = 14.0;
    spacing.icon_width_inner = 8.0;
    spacing.tooltip_width = 360.0;
    spacing.scroll = egui::style::ScrollStyle::thin();
    style.interaction.tooltip_delay = 0.35;
    style.animation_time = 0.08;
    style
}

fn widget(fill: Color32, line: Color32, text: Color32) -> WidgetVisuals {
    WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, line),
        corner_radius: CornerRadius::same(RADIUS_SMALL),
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    }
}

fn visuals(palette: &Palette) -> Visuals {
    let base = if palette.dark {
        Visuals::dark()
    } else {
        Visuals::light()
    };
    let shadow = Shadow {
        offset: [0, 6],
        blur: 24,
        spread: 0,
        color: Color32::from_black_alpha(if palette.dark { 110 } else { 40 }),
    };
    Visuals {
        dark_mode: palette.dark,
        widgets: Widgets {
            noninteractive: WidgetVisuals {
                bg_stroke: Stroke::new(1.0, palette.line),
                ..widget(palette.panel, palette.line, palette.text)
            },
            inactive: widget(palette.raised, palette.line, palette.text),
            hovered: widget(palette.hovered, palette.faint, palette.text),
            active: widget(palette.hovered, palette.accent, palette.text),
            open: widget(palette.hovered, palette.line, palette.text),
        },
        selection: Selection {
            // Text in the accent's colour is still read on it.
            bg_fill: Palette::mix(
                palette.panel,
                palette.accent,
                if palette.dark { 0.24 } else { 0.16 },
            ),
            stroke: Stroke::new(1.0, palette.accent),
        },
        hyperlink_color: palette.accent,
        weak_text_color: Some(palette.muted),
        faint_bg_color: Palette::mix(palette.panel, palette.raised, 0.5),
        extreme_bg_color: palette.background,
        text_edit_bg_color: Some(palette.background),
        code_bg_color: palette.raised,
        warn_fg_color: palette.warning,
        error_fg_color: palette.error,
        window_corner_radius: CornerRadius::same(RADIUS),
        window_shadow: shadow,
        window_fill: palette.panel,
        window_stroke: Stroke::new(1.0, palette.line),
        menu_corner_radius: CornerRadius::same(RADIUS),
        panel_fill: palette.panel,
        popup_shadow: shadow,
        slider_trailing_fill: true,
        striped: false,
        ..base
    }
}
