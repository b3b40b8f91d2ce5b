//! A model tried on rows of its input, in real processes of `millstream`.

mod common;
mod program;

use common::{Window, picture, selection};
use egui_kittest::kittest::Queryable as _;
use millstream_compiler::document::{Command, Entries};
use millstream_ide::command::UiCommand;
use millstream_ide::editor::Action;
use program::program;

/// A window on the fraud sample with the model selected.
fn fraud(theme: egui::Theme) -> (Window, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a folder");
    let sample = common::sample("fraud");
    let mut window = Window::at_home(home.path(), Some(sample), theme);
    window.shell_mut().set_program(program().to_path_buf());
    // Room for the whole form.
    window.act(Action::Command(UiCommand::ToggleBottom));
    window.act(Action::Select(selection(&["scored"])));
    window.compiled();
    (window, home)
}

fn try_it(window: &mut Window) {
    window.click("Try scored on 100 rows");
    window.wait("rows that were scored", |window| {
        let view = window.shell().dry_run();
        !view.working && view.trial.is_some()
    });
}

#[test]
fn a_hundred_rows_are_scored_and_told_about() {
    for (theme, suffix) in [(egui::Theme::Dark, "dark"), (egui::Theme::Light, "light")] {
        let (mut window, _home) = fraud(theme);
        try_it(&mut window);
        let trial = window.shell().dry_run().trial.clone().expect("a trial");
        assert_eq!(trial.fault, None);
        assert_eq!(trial.rows.len(), 100);
        assert_eq!(trial.inputs, 9);
        let names: Vec<&str> = trial.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names[0], "amount");
        assert_eq!(names[trial.inputs..], ["score"]);
        let scores = &trial.statistics[trial.inputs];
        assert_eq!(scores.nulls, 0.0);
        let mean = scores.mean.expect("a mean");
        assert!((0.0..=1.0).contains(&mean), "{mean}");
        assert!(trial.row_us.is_some_and(|us| us > 0.0));
        let said = window.harness.query_by_label_contains("100 rows scored");
        assert!(said.is_some());
        picture(&mut window.harness, &format!("trial-{suffix}"));
        if !common::pictures_wanted() {
            return;
        }
    }
}

/// The features with another expression for one of them.
fn with_feature(window: &mut Window, expression: &str) {
    window.act(Action::Edit(Command::SetParameter {
        node: common::node_id("features"),
        parameter: "columns".into(),
        value: Entries::new()
            .with("seconds_since_previous", expression)
            .with("amount_to_mean", "1.0")
            .into(),
    }));
    window.compiled();
}

#[test]
fn a_column_that_is_no_number_is_said_in_plain_words() {
    let (mut window, _home) = fraud(egui::Theme::Dark);
    with_feature(&mut window, "CAST(merchant_id AS STRING)");
    try_it(&mut window);
    let trial = window.shell().dry_run().trial.clone().expect("a trial");
    let fault = trial.fault.clone().expect("a text that is no number");
    assert!(
        fault
            .message
            .starts_with("'seconds_since_previous' is STRING"),
        "{fault:?}"
    );
    assert!(!fault.message.contains("error["));
    // The rows it would have been given are there to look at.
    assert_eq!(trial.rows.len(), 100);
    assert!(
        window
            .harness
            .query_by_label("It cannot be tried")
            .is_some()
    );
    picture(&mut window.harness, "trial-fault-dark");
}

#[test]
fn a_row_without_a_value_has_its_share_of_nulls_or_is_named() {
    let (mut window, _home) = fraud(egui::Theme::Dark);
    with_feature(
        &mut window,
        "CASE WHEN MOD(transaction_id, 10) = 3 THEN CAST(NULL AS DOUBLE) ELSE 7.0 END",
    );
    try_it(&mut window);
    let trial = window.shell().dry_run().trial.clone().expect("a trial");
    let place = trial
        .columns
        .iter()
        .position(|c| c.name == "seconds_since_previous");
    let nulls = trial.statistics[place.expect("it is an input")].nulls;
    assert!((0.05..0.2).contains(&nulls), "{nulls}");
    picture(&mut window.harness, "trial-nulls-dark");
    if let Some(fault) = &trial.fault {
        let row = fault.row.expect("one of the rows");
        assert_eq!(trial.rows[row].cells[place.unwrap()], None);
    }
}

#[test]
fn it_can_be_stopped() {
    let (mut window, _home) = fraud(egui::Theme::Dark);
    window.click("Try scored on 100 rows");
    assert!(window.shell().dry_run().working);
    window.act(Action::StopTrying);
    assert!(!window.shell().dry_run().working);
    // What the processes had to say is not shown any more.
    for _ in 0..60 {
        window.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(window.shell().dry_run().trial, None);
    try_it(&mut window);
}

#[test]
fn a_model_without_input_says_so() {
    let (mut window, _home) = fraud(egui::Theme::Dark);
    let edge = window.editor().pipeline().inputs_of("scored")[0].1.clone();
    window.act(Action::Edit(Command::Disconnect { edges: vec![edge] }));
    window.act(Action::TryModel(common::node_id("scored")));
    assert!(!window.shell().dry_run().working);
}
