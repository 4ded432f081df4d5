"""Writes a llama of some hundred thousand random weights as GGUF: tiny_chat.py DIRECTORY

It serves chat, streaming and cache slots as a real one does, and what it says has no meaning. The weights are drawn
from SHAKE-256, so they are the same bytes whatever the version of anything. It says whole words only, so that its text
can be read: one dimension of the residual stream is the same for every token, and through it every token that is not
a word is made improbable.
"""

import hashlib
import os
import sys

import gguf
import numpy

SEED = "safebox tiny chat 1"
WIDTH, BLOCKS, HEADS, INNER, CONTEXT = 64, 2, 4, 128, 8192
WORDS = """the of and to in is was for on that by this with you it not or be are from at as your all have new more an we
 will home can us about if page my has search free but our one other do no information time they site he up may what
 which their news out use any there see only so his when contact here business who web also now help get view online
 first been would how were services some these click its like service than find price date back top people had list
 name just over state year day into email two health world next used go work last most music buy data make them should
 product system post her city add policy number such please available copyright support message after best software
 then good video well where info rights public books high school through each links she review years order very
 privacy book items company read group need many user said does set under general research university january mail
 full map reviews program life know games way days management part could great united hotel real item international
 center ebay must store travel comments made development report off member details line terms before hotels did send
 right type because local those using results office education national car design take posted internet address
 community within states area want phone shipping reserved subject between forum family long based code show even
 black check special prices website index being women much sign file link open today technology south case project
 same pages version section own found sports house related security both county american photo game members power
 while care network down computer systems three total place end following download him without per access think north
 resources current posts big media law control water history pictures size art personal since including guide shop
 directory board location change white text small rating rate government children during return students""".split()
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# How improbable a token is made that is no word; and the weight of the one that ends a turn, after some dozen words.
NEVER, SELDOM = -12.0, 1.8


def draw(name, *shape):
    """Uniform in [-1, 1), 24 bits each."""
    count = int(numpy.prod(shape))
    raw = hashlib.shake_256(f"{SEED}: {name}".encode()).digest(4 * count)
    return (((numpy.frombuffer(raw, dtype="<u4") >> 8) / 2.0**23) - 1.0).astype("<f4").reshape(shape)


def vocabulary():
    """Tokens, types, and which of them may be said. Every beginning of a word is a token, or words could not be read."""
    control = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    tokens = [(text, gguf.TokenType.UNKNOWN if text == "<unk>" else gguf.TokenType.CONTROL) for text in control]
    tokens += [(f"<0x{byte:02X}>", gguf.TokenType.BYTE) for byte in range(256)]
    tokens += [(text, gguf.TokenType.NORMAL) for text in ["\u2581", *map(chr, range(33, 127))]]
    pieces = sorted({"\u2581" + word[:end] for word in WORDS for end in range(1, len(word) + 1)}, key=lambda s: (len(s), s))
    tokens += [(text, gguf.TokenType.NORMAL) for text in pieces]
    said = {"\u2581" + word for word in WORDS}
    return tokens, numpy.array([text in said for text, _ in tokens])


def main(directory):
    tokens, is_word = vocabulary()
    texts = [text for text, _ in tokens]
    end = texts.index("<|im_end|>")
    os.makedirs(directory)
    writer = gguf.GGUFWriter(os.path.join(directory, "tiny-chat-f32.gguf"), "llama")
    writer.add_name("tiny-chat (random weights)")
    writer.add_license("cc0-1.0")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(BLOCKS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    # The longer a piece, the sooner it is put together.
    writer.add_token_scores([float(len(text)) if kind == gguf.TokenType.NORMAL else 0.0 for text, kind in tokens])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_bos_token_id(texts.index("<s>"))
    writer.add_eos_token_id(end)
    writer.add_unk_token_id(texts.index("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)

    embedding = draw("token_embd", len(tokens), WIDTH)
    embedding[:, 0] = 4.0
    output = draw("output", len(tokens), WIDTH) * 0.45
    output[:, 0] = numpy.where(is_word, 0.0, NEVER)
    output[end] = 0.0
    output[end, 0] = SELDOM
    writer.add_tensor("token_embd.weight", embedding)
    ones = numpy.ones(WIDTH, dtype="<f4")
    for block in range(BLOCKS):
        prefix = f"blk.{block}."
        writer.add_tensor(prefix + "attn_norm.weight", ones)
        for name in ("attn_q", "attn_k", "attn_v"):
            writer.add_tensor(prefix + name + ".weight", draw(prefix + name, WIDTH, WIDTH) * 0.2)
        # What is added to the stream leaves the constant dimension alone.
        for name, inner in (("attn_output", WIDTH), ("ffn_down", INNER)):
            matrix = draw(prefix + name, WIDTH, inner) * 0.3
            matrix[0] = 0.0
            writer.add_tensor(prefix + name + ".weight", matrix)
        writer.add_tensor(prefix + "ffn_norm.weight", ones)
        for name in ("ffn_gate", "ffn_up"):
            writer.add_tensor(prefix + name + ".weight", draw(prefix + name, INNER, WIDTH) * 0.2)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output.astype("<f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1])
