"""Run the scripts of web/live in Node, which has no page and no network."""

import json
import subprocess
import sys

from tools.live.model import WEIGHTS
from tools.notebooks.chapters import ROOT

sys.path.insert(0, str(ROOT / "web"))
from book_pages import NODE

SCRIPTS = ("characters", "tokenizer", "encoder", "weights")
VOCABULARY = ROOT / "data" / "checkpoints" / "mini-bert" / "vocab.txt"
PROGRAM = """
const fs = require("fs");
const given = JSON.parse(fs.readFileSync(0, "utf8"));
const vocabulary = fs.readFileSync(given.vocabulary, "utf8").split("\\n").slice(0, -1);
const tokenizer = new live.Tokenizer(vocabulary, live.characters);
"""


MODEL = "const model = live.unpack(new Uint8Array(fs.readFileSync(given.weights)));"


def in_node(body, **given):
    """Return what the body of a function returns in Node, where it may use live, given, tokenizer and model."""
    scripts = [(ROOT / "web" / "live" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    model = MODEL if "model" in body else ""
    program = "\n".join([*scripts, PROGRAM, model, f"process.stdout.write(JSON.stringify((() => {{{body}}})()));"])
    handed = json.dumps(given | {"vocabulary": str(VOCABULARY), "weights": str(WEIGHTS)})
    done = subprocess.run([str(NODE), "-e", program], input=handed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)
