//! Pictures without a window: the painter without a graphics card gives what one with it gives.

use egui::{Color32, ColorImage, Pos2, RawInput, Rect, RichText, Stroke, Ui, Vec2, ViewportId};
use egui_kittest::Harness;
use millstream_ide::theme;
use millstream_ide::work::picture::{self, Picture};
use millstream_ide::work::raster::Raster;

const SIZE: Vec2 = Vec2::new(480.0, 320.0);

/// Text in many sizes, thin lines, round corners, transparent things over one another, an image.
fn scene(ui: &mut Ui) {
    let palette = theme::palette(ui.ctx());
    let all = Rect::from_min_size(Pos2::ZERO, SIZE);
    // The same place whatever is around it.
    let ui = &mut ui.new_child(egui::UiBuilder::new().max_rect(all));
    ui.set_clip_rect(all);
    ui.painter().rect_filled(all, 0.0, palette.panel);
    for size in [9.0, 11.0, 13.0, 17.0, 28.0] {
        ui.label(RichText::new("Sales by day: 2500315.63").size(size));
        ui.label(RichText::new("+I 69659 c-04417").font(theme::data_font(size)));
    }
    let _ = ui.button("A button");
    let painter = ui.painter();
    for step in 0..12 {
        let x = 20.0 + step as f32 * 37.3;
        let colour = palette.accent.gamma_multiply(0.15 + 0.07 * step as f32);
        painter.circle_filled(Pos2::new(x, 250.0), 9.0 + step as f32, colour);
        let end = Pos2::new(x + 60.0, 300.0 - step as f32 * 13.0);
        painter.line_segment(
            [Pos2::new(x, 200.0), end],
            Stroke::new(1.5, palette.warning),
        );
    }
    let frame = Rect::from_min_size(Pos2::new(300.3, 40.7), Vec2::new(120.0, 70.0));
    painter.rect(
        frame,
        8.0,
        Color32::from_black_alpha(90),
        Stroke::new(1.0, palette.error),
        egui::StrokeKind::Inside,
    );
}

fn painted(scale: f32, theme_of: egui::Theme) -> ColorImage {
    let context = egui::Context::default();
    theme::install(&context);
    context.set_theme(theme_of);
    let mut raster = Raster::default();
    // Fonts are loaded in the first frame.
    for last in [false, false, true] {
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, SIZE)),
            max_texture_side: Some(8192),
            ..RawInput::default()
        };
        let viewport = input.viewports.entry(ViewportId::ROOT).or_default();
        viewport.native_pixels_per_point = Some(scale);
        let mut output = context.run_ui(input, scene);
        raster.update(&mut output.textures_delta);
        let primitives = context.tessellate(output.shapes, output.pixels_per_point);
        let size = [SIZE.x, SIZE.y].map(|side| (side * scale) as usize);
        let image = raster.paint(size, output.pixels_per_point, Color32::BLACK, &primitives);
        raster.free(&mut output.textures_delta);
        if last {
            return image;
        }
    }
    unreachable!("the last frame is painted")
}

#[test]
fn the_painter_gives_what_a_graphics_card_gives() {
    for (scale, theme_of) in [(1.0, egui::Theme::Dark), (2.0, egui::Theme::Light)] {
        let mut harness = Harness::builder()
            .with_size(SIZE)
            .with_pixels_per_point(scale)
            .build_ui(move |ui| {
                if ui.ctx().cumulative_pass_nr() == 0 {
                    theme::install(ui.ctx());
                }
                ui.ctx().set_theme(theme_of);
                scene(ui);
            });
        harness.run_steps(3);
        let card = match harness.render() {
            Ok(image) => image,
            Err(why) => {
                eprintln!("not compared: {why}");
                return;
            }
        };
        let own = painted(scale, theme_of);
        assert_eq!([card.width() as usize, card.height() as usize], own.size);
        let mut differ = 0;
        let mut most = 0;
        for (card, own) in card.pixels().zip(&own.pixels) {
            let own = own.to_srgba_unmultiplied();
            let difference = (0..3).map(|part| card.0[part].abs_diff(own[part])).max();
            let difference = difference.unwrap_or(0);
            most = most.max(difference);
            differ += usize::from(difference > 8);
        }
        let share = differ as f64 / own.pixels.len() as f64;
        // Where an edge meets a pixel's centre, cards round in ways of their own.
        assert!(share < 0.002, "{differ} pixels differ, by up to {most}");
    }
}

#[test]
fn a_picture_of_a_pipeline_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("picture.png");
    let mut picture = Picture {
        path: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/fraud").into()),
        size: [900, 600],
        scale: 2.0,
        theme: egui::Theme::Dark,
        select: None,
        samples: None,
    };
    let image = picture::paint(&picture).expect("a picture");
    assert_eq!(image.size, [1800, 1200]);
    picture::write_png(&file, &image).expect("written");
    let written = std::fs::read(&file).expect("a file");
    assert!(written.starts_with(b"\x89PNG"));
    // Every corner is painted, and it is no empty page.
    let colours: std::collections::BTreeSet<[u8; 4]> =
        image.pixels.iter().map(|pixel| pixel.to_array()).collect();
    assert!(colours.len() > 100, "{} colours", colours.len());
    assert!(image.pixels.iter().all(|pixel| pixel.a() == 255));
    picture.select = Some("nobody".into());
    let why = picture::paint(&picture).expect_err("no such node");
    assert!(why.contains("'nobody'") && why.contains("it has"), "{why}");
}
