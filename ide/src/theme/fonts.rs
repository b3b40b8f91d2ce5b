//! The fonts, bundled: Inter for the interface, JetBrains Mono for data and SQL.
//!
//! Both are under the SIL Open Font License; the licences lie beside the files in `fonts/`. Behind
//! them stand egui's own fonts, for symbols that neither has.

use std::sync::Arc;

use egui::{FontData, FontDefinitions, FontFamily};

/// The family of the heavier weight.
pub(super) const STRONG: &str = "Strong";

const FILES: [(&str, &[u8]); 3] = [
    (
        "Inter",
        include_bytes!("../../fonts/Inter-Regular.otf").as_slice(),
    ),
    (
        "Inter SemiBold",
        include_bytes!("../../fonts/Inter-SemiBold.otf").as_slice(),
    ),
    (
        "JetBrains Mono",
        include_bytes!("../../fonts/JetBrainsMono-Regular.ttf").as_slice(),
    ),
];

/// All fonts by family, the bundled ones first.
pub(super) fn definitions() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    for (name, bytes) in FILES {
        fonts
            .font_data
            .insert(name.to_string(), Arc::new(FontData::from_static(bytes)));
    }
    let mut first = |family: FontFamily, name: &str| {
        let behind = fonts
            .families
            .get(&FontFamily::Proportional)
            .cloned()
            .unwrap_or_default();
        let list = fonts.families.entry(family).or_insert(behind);
        list.retain(|known| known != name);
        list.insert(0, name.to_string());
    };
    first(FontFamily::Name(STRONG.into()), "Inter SemiBold");
    first(FontFamily::Monospace, "JetBrains Mono");
    first(FontFamily::Proportional, "Inter");
    fonts
}
