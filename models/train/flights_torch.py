"""Trains a PyTorch net that answers two questions when a flight leaves its gate: will it arrive more than 15 minutes
late, and by how many minutes?

    models/train/setup.sh torch
    ~/.cache/millstream/venv/torch/bin/python models/train/flights_torch.py

Embeddings of carrier and origin beside the numbers, two residual blocks with layer normalisation, two heads.
torch.onnx exports it, and a LabelEncoder in front lets the graph take the words themselves. Writes
models/trained/torch.onnx (numbers[N, 12], carrier[N], origin[N] → late[N, 1], delay[N, 1]) and its reference rows.
"""

import io

import numpy as np
import onnx
import torch
from torch import nn

import flights
import trained

WIDTH = 32


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))

    def forward(self, x):
        return x + self.inner(x)


class Net(nn.Module):
    def __init__(self, mean, scale, sizes):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("scale", torch.tensor(scale))
        self.embeddings = nn.ModuleList(nn.Embedding(size, 4) for size in sizes)
        self.enter = nn.Linear(len(mean) + 4 * len(sizes), WIDTH)
        self.blocks = nn.Sequential(Block(), Block())
        self.late, self.delay = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 1)

    def forward(self, numbers, *words):
        known = torch.where(torch.isnan(numbers), self.mean, numbers)
        # The delay so far also goes straight to the head that predicts the delay.
        so_far = known[:, :1]
        scaled = ((known - self.mean) / self.scale).clamp(-5, 5)
        x = torch.cat([scaled, *(embed(word) for embed, word in zip(self.embeddings, words))], dim=1)
        x = torch.relu(self.blocks(self.enter(x)))
        return torch.sigmoid(self.late(x)), so_far + 20 * self.delay(x)


def main():
    torch.manual_seed(7)
    torch.set_num_threads(1)
    train, test = flights.load()
    words = {name: sorted(set(train.words[name])) for name in flights.WORDS}
    mean, scale = np.nanmean(train.numbers, axis=0), np.nanstd(train.numbers, axis=0)
    net = Net(mean, scale, [len(known) + 1 for known in words.values()])

    def given(rows):
        ids = [
            [known.index(word) + 1 if word in known else 0 for word in rows.words[name]]
            for name, known in words.items()
        ]
        return [torch.tensor(rows.numbers), *(torch.tensor(value) for value in ids)]

    inputs, late, delay = given(train), torch.tensor(train.late[:, None]).float(), torch.tensor(train.delay[:, None])
    steps, batch = 6 * len(train) // 1024, 1024
    # Small weights: large ones amplify the rounding of single precision until two correct runtimes differ.
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, steps)
    for _ in range(steps):
        some = torch.randint(len(train), (batch,))
        score, minutes = net(*(value[some] for value in inputs))
        loss = nn.functional.binary_cross_entropy(score, late[some]) + nn.functional.l1_loss(minutes, delay[some]) / 20
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()

    net.eval()
    with torch.no_grad():
        score, minutes = (value.numpy() for value in net(*given(test)))
    flights.judge_late(test.late, score[:, 0])
    flights.judge_delay(test.delay, minutes[:, 0])

    names, outputs = ["numbers", *words], ["late", "delay"]
    file = io.BytesIO()
    torch.onnx.export(
        net, tuple(value[:2] for value in given(test)), file, input_names=names, output_names=outputs, opset_version=17,
        dynamic_axes={name: {0: "N"} for name in names + outputs},
    )  # fmt: skip
    model = onnx.load_from_string(file.getvalue())
    for name, known in words.items():
        trained.with_vocabulary(model, name, known)
    trained.save(
        "torch", trained.opened(model), {"numbers": test.numbers, **test.words}, {"late": score, "delay": minutes},
        "flights_torch.py", {"features.numbers": flights.NUMBERS},
    )  # fmt: skip


if __name__ == "__main__":
    main()
