"""Trains a Keras net: will a flight that leaves its gate arrive more than 15 minutes late?

    models/train/setup.sh keras
    ~/.cache/millstream/venv/keras/bin/python models/train/flights_keras.py

Embeddings of carrier and origin beside the numbers, which are standardised inside the net. tf2onnx exports it, and a
LabelEncoder in front lets the graph take the words themselves. Writes models/trained/keras.onnx (numbers[N, 12],
carrier[N, 1], origin[N, 1] → late[N, 1]) and its reference rows.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
import tf2onnx
from tensorflow.keras import layers

import flights
import trained


def name_constants(model):
    """tf2onnx numbers what it folded differently from run to run."""
    names = {value.name: f"constant_{index}" for index, value in enumerate(model.graph.initializer)}
    for value in model.graph.initializer:
        value.name = names[value.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def main():
    tf.keras.utils.set_random_seed(7)
    tf.config.experimental.enable_op_determinism()
    train, test = flights.load()
    words = {name: sorted(set(train.words[name])) for name in flights.WORDS}
    mean, scale = np.nanmean(train.numbers, axis=0), np.nanstd(train.numbers, axis=0)

    numbers = tf.keras.Input([len(flights.NUMBERS)], name="numbers")
    ids = {name: tf.keras.Input([1], name=name, dtype=tf.int32) for name in words}
    centred = (numbers - mean) / scale
    parts = [tf.where(tf.math.is_nan(centred), tf.zeros_like(centred), tf.clip_by_value(centred, -10.0, 10.0))]
    for name, known in words.items():
        parts.append(layers.Flatten()(layers.Embedding(len(known) + 1, 4)(ids[name])))
    hidden = layers.Concatenate()(parts)
    for width in (48, 24):
        hidden = layers.BatchNormalization()(layers.Dense(width, activation="relu")(hidden))
        hidden = layers.Dropout(0.1)(hidden)
    late = layers.Dense(1, activation="sigmoid", name="late")(hidden)
    net = tf.keras.Model([numbers, *ids.values()], late)
    net.compile(tf.keras.optimizers.Adam(2e-3), "binary_crossentropy")

    def given(rows):
        ids = {
            name: [known.index(word) + 1 if word in known else 0 for word in rows.words[name]]
            for name, known in words.items()
        }
        return {
            "numbers": rows.numbers,
            **{name: np.array(value, np.int32).reshape(-1, 1) for name, value in ids.items()},
        }

    net.fit(given(train), train.late, batch_size=1024, epochs=6, verbose=0)
    own = net.predict(given(test), batch_size=4096, verbose=0)
    flights.judge_late(test.late, own[:, 0])

    signature = [tf.TensorSpec([None, *value.shape[1:]], value.dtype, name=value.name) for value in net.inputs]
    model, _ = tf2onnx.convert.from_keras(net, signature, opset=17)
    name_constants(model)
    for name, known in words.items():
        trained.with_vocabulary(model, name, known)
    inputs = {"numbers": test.numbers, **{name: test.words[name].reshape(-1, 1) for name in words}}
    trained.save(
        "keras", trained.opened(model), inputs, {"late": own}, "flights_keras.py", {"features.numbers": flights.NUMBERS}
    )


if __name__ == "__main__":
    main()
