//! The fonts, bundled: Inter for the interface, JetBrains Mono for data and SQL.
//!
//! Both are under the SIL Open Font License; the licences lie beside the files in `fonts/`. Each
//! stands behind the other.

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
    let lists: [(FontFamily, &[&str]); 3] = [
        (FontFamily::Proportional, &["Inter", "JetBrains Mono"]),
        (
            FontFamily::Name(STRONG.into()),
            &["Inter SemiBold", "Inter", "JetBrains Mono"],
        ),
        (FontFamily::Monospace, &["JetBrains Mono", "Inter"]),
    ];
    for (family, names) in lists {
        let list = fonts.families.entry(family).or_default();
        let behind: Vec<String> = list
            .drain(..)
            .filter(|known| !names.contains(&known.as_str()))
            .collect();
        list.extend(names.iter().map(ToString::to_string));
        list.extend(behind);
    }
    fonts
}
