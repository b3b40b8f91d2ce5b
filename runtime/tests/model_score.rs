//! `millstream model` as it is called: files in, files and messages out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with models and whatever a test puts there.
struct Folder(tempfile::TempDir);

struct Called {
    code: i32,
    out: String,
    err: String,
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/data")
}

impl Folder {
    /// `double.onnx` gives twice its two numbers, `iris.onnx` a label and three probabilities of three numbers,
    /// `embedding.onnx` a number of two ids, `category.onnx` one of a country and an amount.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (from, to) in [
            ("fixed_batch.onnx", "double.onnx"),
            ("external/iris_one_file.onnx", "iris.onnx"),
            ("embedding.onnx", "embedding.onnx"),
            ("category.onnx", "category.onnx"),
            ("mlp_matrix.onnx", "fraud.onnx"),
            ("refused/half_floats.onnx", "half.onnx"),
        ] {
            std::fs::copy(models().join(from), folder.path().join(to)).unwrap();
        }
        Self(folder)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.path().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    fn call(&self, arguments: &str) -> Called {
        self.call_with(arguments, "")
    }

    /// Runs `millstream model <arguments>` in the folder.
    fn call_with(&self, arguments: &str, stdin: &str) -> Called {
        use std::io::Write as _;
        let mut child = Command::new(env!("CARGO_BIN_EXE_millstream"))
            .arg("model")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(stdin.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        Called {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The message of a call that must fail because of its input.
    fn wrong(&self, arguments: &str) -> String {
        let called = self.call(arguments);
        assert_eq!(
            (called.code, called.out.as_str()),
            (2, ""),
            "{}",
            called.err
        );
        let left: Vec<_> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("scores"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        called.err
    }
}

#[test]
fn csv_to_csv_keeps_every_field_as_it_stands() {
    let folder = Folder::new();
    folder.write(
        "rows.csv",
        "id,x_1,x_0,note\n007,1.50,2,\"a, b\"\n008,,-3,\n",
    );
    let called = folder.call("score double.onnx -i rows.csv -o scores.csv");
    assert_eq!(called.code, 0, "{}", called.err);
    assert_eq!(
        folder.read("scores.csv"),
        "id,x_1,x_0,note,y_0,y_1\n007,1.50,2,\"a, b\",4.0,3.0\n008,,-3,,-6.0,NaN\n"
    );
    let (explained, summary) = called.err.split_once("2 rows scored in ").unwrap();
    assert_eq!(
        explained,
        "rows.csv → double.onnx → scores.csv
  x_1 → x[1] (same name, cast to float32)
  x_0 → x[0] (same name, cast to float32)
  y[0] → y_0 (same name)
  y[1] → y_1 (same name)
"
    );
    assert!(summary.contains(" rows/s; the model alone "), "{summary}");
    assert!(summary.contains("scores.csv has "), "{summary}");
}

#[test]
fn columns_by_order_by_choice_and_only_scores() {
    let folder = Folder::new();
    folder.write("rows.csv", "1,2\n3,4\n");
    let called = folder.call("score double.onnx -i rows.csv -o - --scores-only");
    assert_eq!(
        (called.code, called.out.as_str()),
        (0, "y_0,y_1\n2.0,4.0\n6.0,8.0\n"),
        "{}",
        called.err
    );
    assert!(
        called
            .err
            .contains("the file names no columns, so they are called f0, f1"),
        "{}",
        called.err
    );
    folder.write("named.csv", "id,b,a\n1,2,3\n");
    let called = folder.call("score double.onnx -i named.csv -o - --columns a,b --outputs y_1");
    assert_eq!(called.out, "id,b,a,y_1\n1,2,3,4.0\n", "{}", called.err);
    assert!(
        called
            .err
            .contains("  a → x[0] (by order, cast to float32)\n"),
        "{}",
        called.err
    );
    // All outputs under names of one's own; an output wins no column of the input.
    let called =
        folder.call("score double.onnx -i named.csv -o - --columns a,b --outputs twice_a,id");
    assert_eq!(
        called.out, "id,b,a,twice_a,predicted_id\n1,2,3,6.0,4.0\n",
        "{}",
        called.err
    );
}

#[test]
fn probabilities_have_the_names_of_their_classes() {
    let folder = Folder::new();
    folder.write("rows.csv", "a,b,c\n0,0,0\n-1,0.5,2\n");
    let called = folder.call("score iris.onnx -i rows.csv -o - --scores-only");
    let rows: Vec<Vec<&str>> = called
        .out
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(
        rows[0],
        [
            "output_label",
            "output_probability_setosa",
            "output_probability_versicolor",
            "output_probability_virginica"
        ]
    );
    // ONNX Runtime's
    for (row, wanted) in rows[1..].iter().zip([
        [
            0.0,
            0.9341356158256531,
            0.0421995185315609,
            0.023664861917495728,
        ],
        [
            1.0,
            0.005811482202261686,
            0.9852295517921448,
            0.00895899347960949,
        ],
    ]) {
        for (got, wanted) in row.iter().zip(wanted) {
            let got: f64 = got.parse().unwrap();
            assert!((got - wanted).abs() < 1e-6, "{row:?}");
        }
    }
    let called =
        folder.call("score iris.onnx -i rows.csv -o - --scores-only --outputs output_label");
    assert_eq!(called.out, "output_label\n0\n1\n");
    let called =
        folder.call("score iris.onnx -i rows.csv -o - --scores-only --outputs output_probability");
    assert!(
        called
            .out
            .starts_with("output_probability_setosa,output_probability_versicolor,"),
        "{}",
        called.out
    );
    let error = folder.wrong("score iris.onnx -i rows.csv -o - --outputs label,output_label");
    assert_eq!(
        error,
        "error: the model has no output 'label'
  it gives  output_label, output_probability_setosa, output_probability_versicolor, output_probability_virginica
  help: name some of them, or one name for each
"
    );
}

#[test]
fn json_parquet_and_several_files() {
    let folder = Folder::new();
    folder.write("a.json", "[{\"id\": 12345678901234567, \"f0\": 1, \"f1\": 0.5, \"tags\": [\"x\"]},\n {\"id\": 2, \"f0\": null, \"f1\": 1}]");
    let called = folder.call("score double.onnx -i a.json -o scores.json");
    assert_eq!(called.code, 0, "{}", called.err);
    assert_eq!(
        folder.read("scores.json"),
        "{\"id\":12345678901234567,\"f0\":1,\"f1\":0.5,\"tags\":[\"x\"],\"y_0\":2.0,\"y_1\":1.0}
{\"id\":2,\"f0\":null,\"f1\":1.0,\"tags\":null,\"y_0\":\"NaN\",\"y_1\":2.0}
"
    );
    folder.write("part-1.csv", "f0,f1\n1,2\n");
    folder.write("part-2.csv", "f1,f0\n4,3\n");
    let called = folder.call("score double.onnx -i part-1.csv part-2.csv -o scores.parquet");
    assert_eq!(called.code, 0, "{}", called.err);
    assert!(
        called
            .err
            .contains("part-1.csv and 1 other file → double.onnx"),
        "{}",
        called.err
    );
    // Parquet is read as well; a glob in quotes stands for its files.
    let called = folder.call("score double.onnx -i scores.par* -o - --columns f0,f1");
    assert_eq!(
        called.out,
        "f0,f1,y_0,y_1,predicted_y_0,predicted_y_1\n1,2,2.0,4.0,2.0,4.0\n3,4,6.0,8.0,6.0,8.0\n",
        "{}",
        called.err
    );
    let called = folder.call_with("score double.onnx -i - -o -", "f0,f1\n1,2\n");
    assert_eq!(called.out, "f0,f1,y_0,y_1\n1,2,2.0,4.0\n", "{}", called.err);
}

#[test]
fn texts_and_ids() {
    let folder = Folder::new();
    folder.write("rows.csv", "country,amount\nAT,1\n,2\n");
    let called = folder.call("score category.onnx -i rows.csv -o - --scores-only");
    assert_eq!(
        (called.code, called.out.lines().count()),
        (0, 3),
        "{}",
        called.err
    );
    folder.write("ids.csv", "user_id,item_id\n1,2\n3,4\n");
    assert_eq!(
        folder
            .call("score embedding.onnx -i ids.csv -o -")
            .out
            .lines()
            .count(),
        3
    );
}

/// 100,000 rows in several batches over two threads stand in the order of the file, each with its score.
#[test]
fn order_is_kept_over_many_batches() {
    let folder = Folder::new();
    let mut content = String::from("id,f0,f1\n");
    for row in 0..100_000 {
        content.push_str(&format!("{row},{},{}\n", row % 1000, row / 1000));
    }
    folder.write("rows.csv", &content);
    let called = folder.call("score double.onnx -i rows.csv -o scores.csv -p 3");
    assert_eq!(called.code, 0, "{}", called.err);
    let scores = folder.read("scores.csv");
    assert_eq!(scores.lines().count(), 100_001);
    for (row, line) in scores.lines().skip(1).enumerate() {
        let wanted = format!(
            "{row},{},{},{}.0,{}.0",
            row % 1000,
            row / 1000,
            row % 1000 * 2,
            row / 1000 * 2
        );
        assert_eq!(line, wanted);
    }
}

#[test]
fn what_is_wrong_with_files() {
    let folder = Folder::new();
    folder.write("empty.csv", "");
    folder.write("rows.csv", "f0,f1\n1,2\n");
    folder.write("rows.dat", "f0,f1\n1,2\n");
    folder.write("more.csv", "f0,f1,f2\n1,2,3\n");
    for (arguments, wanted) in [
        (
            "double.onnx -i absent.csv -o scores.csv",
            "error: absent.csv: cannot open the file: No such file or directory (os error 2); check the path\n",
        ),
        (
            "double.onnx -i empty.csv -o scores.csv",
            "error: empty.csv: the file is empty; put rows into it\n",
        ),
        (
            "double.onnx -i rows.dat -o scores.csv",
            "error: the name of rows.dat does not tell its format\n  help: say it with --input-format csv, json or parquet\n",
        ),
        (
            "double.onnx -i rows.csv -o scores",
            "error: the name of scores does not tell its format\n  help: let it end in .csv, .json or .parquet, or say --output-format\n",
        ),
        (
            "double.onnx -i rows.csv -o rows.csv",
            "error: rows.csv is input and output at once\n  help: write to another file\n",
        ),
        (
            "double.onnx -i rows.csv -o double.onnx --output-format csv",
            "error: double.onnx is the model\n  help: write to another file\n",
        ),
        (
            "double.onnx -i rows.csv more.csv -o scores.csv",
            "error: more.csv has a column f2, which the first file has not\n  help: score it by itself, or leave the input's columns out with --scores-only\n",
        ),
        (
            "half.onnx -i rows.csv -o scores.csv",
            "error: model half.onnx is not supported: operator Cast: Cast to F16 is not supported yet\n",
        ),
        (
            "rows.csv -i rows.csv -o scores.csv",
            "error: rows.csv is not a valid ONNX model: it does not decode as protobuf",
        ),
    ] {
        let error = folder.wrong(&format!("score {arguments}"));
        let error = error
            .split_once("row.csv → ")
            .map_or(error.as_str(), |(before, _)| before);
        assert!(error.contains(wanted), "{arguments}: {error}");
    }
}

#[test]
fn what_is_wrong_with_columns_and_rows() {
    let folder = Folder::new();
    folder.write("few.csv", "amonut,seconds,count_1m,sum_1m\n1,2,3,4\n");
    folder.write("three.csv", "a,b,c\n1,2,3\n");
    folder.write("word.csv", "f0,f1\n1,2\n1,many\n");
    folder.write("ragged.csv", "f0,f1\n1,2\n1,2,3\n");
    folder.write("null.csv", "user_id,item_id\n1,2\n,4\n");
    folder.write("large.csv", "user_id,item_id\n1,2\n5000,4\n");
    folder.write("float.csv", "user_id,item_id\n1.5,2\n");
    folder.write("twice.csv", "f0,f0\n1,2\n");
    for (arguments, wanted) in [
        (
            "fraud.onnx -i few.csv -o scores.csv",
            "error: 3 of the model's 5 features have no column in few.csv: amount, seconds_since_last, hour
  it needs  amount, seconds_since_last, count_1m, sum_1m, hour
  it has    amonut, seconds, count_1m, sum_1m
  help: did you mean amonut for amount? Rename them, or name the columns in the model's order: --columns a,b,c
",
        ),
        (
            "double.onnx -i three.csv -o scores.csv",
            "error: the model needs 2 columns, three.csv has 3
  it needs  2 columns or an array for x (float32)
  it has    a, b, c
  help: name the columns to take, in the model's order: --columns a,b,c
",
        ),
        (
            "double.onnx -i three.csv -o scores.csv --columns a,d",
            "error: three.csv has no column d, which --columns names\n  it has    a, b, c\n",
        ),
        (
            "double.onnx -i word.csv -o scores.csv",
            "error: word.csv:3, column 'f1': cannot read DOUBLE: not a number, got 'many'; correct the row\n",
        ),
        (
            "double.onnx -i ragged.csv -o scores.csv",
            "error: ragged.csv:3: the row has too many fields: 2 expected, 3 found, got '1,2,3'; every row must have",
        ),
        (
            "embedding.onnx -i null.csv -o scores.csv",
            "error: null.csv, row 2: column user_id is empty, but the model's input user_id takes int64, which has no missing value\n  help: fill it, or leave the row out\n",
        ),
        (
            "embedding.onnx -i large.csv -o scores.csv",
            "error: large.csv, row 2: the model failed: ",
        ),
        (
            "embedding.onnx -i float.csv -o scores.csv",
            "error: float.csv:2, column 'user_id': cannot read BIGINT: not a whole number, got '1.5'; correct the row\n",
        ),
        (
            "double.onnx -i twice.csv -o scores.csv",
            "error: twice.csv has two columns called 'f0'\n  help: rename one of them\n",
        ),
    ] {
        let error = folder.wrong(&format!("score {arguments}"));
        assert!(error.contains(wanted), "{arguments}: {error}");
    }
}

#[test]
fn inspect_goes_on_after_a_model_that_does_not_load() {
    let folder = Folder::new();
    let called = folder.call("inspect half.onnx double.onnx --no-bench");
    assert_eq!(called.code, 2);
    assert!(
        called.out.starts_with("model        double.onnx\n"),
        "{}",
        called.out
    );
    assert!(!called.out.contains("speed"), "{}", called.out);
    assert!(
        called
            .err
            .starts_with("error: model half.onnx is not supported: "),
        "{}",
        called.err
    );
    assert!(
        called.err.ends_with("1 of 2 models cannot be loaded\n"),
        "{}",
        called.err
    );

    let called = folder.call("inspect fraud.onnx");
    assert_eq!(called.code, 0);
    let speed = called
        .out
        .lines()
        .find(|line| line.starts_with("speed"))
        .unwrap();
    assert!(
        speed.contains(" rows/s at batch 1, ")
            && speed.ends_with(" rows/s at batch 1,024, on one thread"),
        "{speed}"
    );

    let called = folder.call("inspect double.onnx half.onnx --json --no-bench");
    assert_eq!(called.code, 2);
    let lines: Vec<serde_json::Value> = called
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["inputs"][0]["shape"].to_string(), "[4,2]");
    assert_eq!(lines[1]["code"], "model/unsupported");
}

#[test]
fn explain_shows_what_is_cast() {
    let folder = Folder::new();
    folder.write("rows.csv", "1,2,0.5\n");
    folder.write(
        "job.sql",
        "CREATE TABLE t (id BIGINT, a BIGINT, b DOUBLE)
         WITH ('connector' = 'filesystem', 'path' = 'rows.csv', 'format' = 'csv');
         CREATE MODEL twice INPUT (a BIGINT, b DOUBLE) OUTPUT (p DOUBLE, q DOUBLE)
         WITH ('provider' = 'onnx', 'path' = 'double.onnx');
         SELECT id, p, q FROM ML_PREDICT(TABLE t, MODEL twice, DESCRIPTOR(a, b));",
    );
    let output = Command::new(env!("CARGO_BIN_EXE_millstream"))
        .args(["explain", "job.sql"])
        .current_dir(folder.0.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.ends_with(
            "double.onnx
     a → x[0] (by order, cast to float32)
     b → x[1] (by order, cast to float32)
     y[0] → p (by order, cast from float32)
     y[1] → q (by order, cast from float32)

"
        ),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
