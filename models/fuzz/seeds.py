"""Writes the models of models/tests/data as files for the fuzzer to start from.

    python3 models/fuzz/seeds.py [more.onnx …]

Every operator case, every model and every refused file becomes one file in models/fuzz/corpus/load, named by its
content. Further files are taken too if they are small.
"""

import base64
import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / "tests" / "data"
LARGEST = 16 << 10


def models():
    for path in sorted(DATA.rglob("*.onnx")) + [pathlib.Path(name) for name in sys.argv[1:]]:
        yield path.read_bytes()
    for path in sorted(DATA.glob("*.json")):
        cases = json.loads(path.read_text())
        for case in cases if isinstance(cases, list) else []:
            yield base64.b64decode(case["model"])


def main():
    corpus = HERE / "corpus" / "load"
    corpus.mkdir(parents=True, exist_ok=True)
    written = 0
    for content in models():
        if len(content) <= LARGEST:
            (corpus / hashlib.sha1(content).hexdigest()).write_bytes(content)
            written += 1
    print(f"{written} seeds in {corpus}")


if __name__ == "__main__":
    main()
