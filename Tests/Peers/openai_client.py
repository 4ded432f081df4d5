"""The official client of OpenAI against the gateway: what it asks for, and what it makes of the answers."""

import base64
import json
import struct

import openai
import peer
from suite import check, raises, run

config = peer.configuration()


def client(token="token-alice", **options):
    return openai.OpenAI(
        base_url=config["url"] + "/v1", api_key=token, max_retries=0, timeout=options.pop("timeout", 60), **options
    )


alice = client()
HELLO = [{"role": "system", "content": "You are a box."}, {"role": "user", "content": "Say something."}]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


@check
def models_are_listed():
    names = [model.id for model in alice.models.list()]
    assert names == sorted(names) and {"tiny", "minilm", "fake"} <= set(names), names
    assert [model.id for model in client("token-carol").models.list()] == ["tiny"]


@check
def a_model_is_retrieved():
    model = alice.models.retrieve("tiny")
    assert (model.id, model.object, model.created) == ("tiny", "model", 1700000000)
    raises(openai.NotFoundError, lambda: alice.models.retrieve("none"), status=404, contains="none")


@check
def chat():
    answer = alice.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=8, temperature=0, seed=7, stop=["zzzz"]
    )
    choice = answer.choices[0]
    assert answer.model == "tiny" and answer.object == "chat.completion"
    assert choice.message.role == "assistant" and choice.message.content
    assert choice.finish_reason == "length" and answer.usage.completion_tokens == 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 8


@check
def chat_is_streamed():
    whole = alice.chat.completions.create(model="tiny", messages=HELLO, max_completion_tokens=8, temperature=0, seed=7)
    chunks = list(
        alice.chat.completions.create(
            model="tiny",
            messages=HELLO,
            max_completion_tokens=8,
            temperature=0,
            seed=7,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content, (text, whole.choices[0].message.content)
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 8
    assert all(chunk.model == "tiny" for chunk in chunks)
    # The same prompt once more: the runner had it in its cache.
    assert chunks[-1].usage.prompt_tokens_details.cached_tokens > 0


@check
def a_stream_has_usage_only_when_asked():
    chunks = list(alice.chat.completions.create(model="tiny", messages=HELLO, max_tokens=2, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


@check
def logprobs_pass():
    answer = alice.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=2, temperature=0, logprobs=True, top_logprobs=2
    )
    assert len(answer.choices[0].logprobs.content) == 2


@check
def headers_say_what_answered():
    raw = alice.chat.completions.with_raw_response.create(
        model="tiny", messages=HELLO, max_tokens=1, extra_headers={"X-Safebox-Request-Id": "my-request"}
    )
    assert raw.headers["x-safebox-model-id"] == config["digests"]["tiny"]
    assert raw.headers["x-safebox-request-id"] == "my-request"
    assert raw.headers["x-safebox-runner-id"] == "llama"
    assert raw.headers["x-safebox-capacity-hint"] in ("available", "near-saturated", "saturated")
    assert int(raw.headers["x-safebox-compute-ms"]) >= 0
    assert raw.headers["x-safebox-cache-hit"] in ("true", "false")


@check
def tools_make_a_round_trip():
    answer = alice.chat.completions.create(
        model="fake", messages=[{"role": "user", "content": "The weather?"}], tools=TOOLS, tool_choice="required"
    )
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls" and call.function.name == "weather"
    assert json.loads(call.function.arguments) == {"city": "Bern"}
    final = alice.chat.completions.create(
        model="fake",
        messages=[
            {"role": "user", "content": "The weather?"},
            answer.choices[0].message,
            {"role": "tool", "tool_call_id": call.id, "content": "rain"},
        ],
        tools=TOOLS,
    )
    assert final.choices[0].message.content == "It is rain."


@check
def tools_are_streamed():
    with alice.chat.completions.stream(
        model="fake", messages=[{"role": "user", "content": "The weather?"}], tools=TOOLS
    ) as stream:
        for _ in stream:
            pass
        call = stream.get_final_completion().choices[0].message.tool_calls[0]
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("call_1", "weather", {"city": "Bern"})


@check
def a_schema_passes():
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    answer = alice.chat.completions.create(model="fake", messages=HELLO, response_format=schema)
    assert json.loads(answer.choices[0].message.content)["response_format"] == schema


@check
def embeddings_are_the_same_in_both_encodings():
    texts = ["The box is closed.", "The box is open."]
    as_base64 = alice.embeddings.create(model="minilm", input=texts)  # what the client asks for by itself
    as_floats = alice.embeddings.create(model="minilm", input=texts, encoding_format="float")
    raw = alice.embeddings.create(model="minilm", input=texts, encoding_format="base64")
    for index in range(2):
        one, other = as_base64.data[index].embedding, as_floats.data[index].embedding
        assert len(one) == len(other) == 384 and as_base64.data[index].index == index
        assert max(abs(a - b) for a, b in zip(one, other)) < 1e-6
        assert abs(sum(a * a for a in other) - 1) < 1e-3
        text = raw.data[index].embedding
        assert isinstance(text, str) and len(struct.unpack("<384f", base64.b64decode(text))) == 384
    assert as_floats.usage.prompt_tokens > 0


@check
def embeddings_mean_something():
    def vector(text):
        return alice.embeddings.create(model="minilm", input=text).data[0].embedding

    def likeness(a, b):
        return sum(x * y for x, y in zip(a, b))

    cat, kitten, law = (vector(t) for t in ("a cat sleeps", "a kitten is sleeping", "the law of contracts"))
    assert likeness(cat, kitten) > likeness(cat, law) + 0.3


@check
def embeddings_take_tokens():
    answer = alice.embeddings.create(model="minilm", input=[[2054, 2003], [7592]], encoding_format="float")
    assert [len(entry.embedding) for entry in answer.data] == [384, 384]
    assert len(alice.embeddings.create(model="minilm", input=[2054, 2003]).data) == 1


@check
def embeddings_refuse_dimensions():
    raises(
        openai.BadRequestError,
        lambda: alice.embeddings.create(model="minilm", input="x", dimensions=8),
        status=400,
        contains="dimensions",
    )


@check
def completions():
    answer = alice.completions.create(model="tiny", prompt="The box", max_tokens=4, temperature=0)
    assert answer.object == "text_completion" and answer.choices[0].text and answer.usage.completion_tokens == 4
    text = "".join(
        chunk.choices[0].text
        for chunk in alice.completions.create(
            model="tiny", prompt="The box", max_tokens=4, temperature=0, stream=True
        )
        if chunk.choices
    )
    assert text == answer.choices[0].text


@check
def responses():
    answer = alice.responses.create(
        model="tiny", input="Say something.", instructions="You are a box.", max_output_tokens=8, temperature=0
    )
    assert answer.status == "incomplete" and answer.incomplete_details.reason == "max_output_tokens"
    assert answer.output_text and answer.usage.output_tokens == 8 and answer.store is False
    chat = alice.chat.completions.create(model="tiny", messages=HELLO, max_tokens=8, temperature=0)
    assert answer.output_text == chat.choices[0].message.content
    items = [{"role": "user", "content": [{"type": "input_text", "text": "Say something."}]}]
    again = alice.responses.create(
        model="tiny", input=items, instructions="You are a box.", max_output_tokens=8, temperature=0
    )
    assert again.output_text == answer.output_text


@check
def responses_are_streamed():
    with alice.responses.stream(model="fake", input="Say something.") as stream:
        events = list(stream)
        final = stream.get_final_response()
    types = [event.type for event in events]
    assert types[:2] == ["response.created", "response.in_progress"] and types[-1] == "response.completed"
    for name in ("output_item.added", "content_part.added", "output_text.delta", "output_text.done", "output_item.done"):
        assert "response." + name in types, types
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.output_text == "Hello world" and final.usage.input_tokens_details.cached_tokens == 4


@check
def responses_call_tools():
    tool = {"type": "function", "name": "weather", "parameters": TOOLS[0]["function"]["parameters"], "strict": False}
    answer = alice.responses.create(model="fake", input="The weather?", tools=[tool])
    call = answer.output[0]
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "Bern"})
    final = alice.responses.create(
        model="fake",
        tools=[tool],
        input=[
            {"role": "user", "content": "The weather?"},
            call.model_dump(exclude_none=True),
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"},
        ],
    )
    assert final.output_text == "It is rain."
    with alice.responses.stream(model="fake", input="The weather?", tools=[tool]) as stream:
        types = [event.type for event in stream]
        streamed = stream.get_final_response().output[0]
    assert "response.function_call_arguments.delta" in types and "response.function_call_arguments.done" in types
    assert (streamed.name, json.loads(streamed.arguments)) == ("weather", {"city": "Bern"})


@check
def responses_keep_nothing():
    raises(
        openai.BadRequestError,
        lambda: alice.responses.create(model="tiny", input="x", previous_response_id="resp_1"),
        status=400,
        contains="previous_response_id",
    )


@check
def speech():
    with alice.audio.speech.with_streaming_response.create(model="fake", input="Hello", voice="en") as answer:
        assert answer.headers["content-type"] == "audio/wav" and answer.read()[:4] == b"RIFF"


@check
def errors_are_the_clients_own():
    def ask(model="tiny", token="token-alice", **more):
        return lambda: client(token).chat.completions.create(model=model, messages=HELLO, **more)

    unknown = raises(openai.AuthenticationError, ask(token="token-of-nobody"), status=401, contains="API key")
    assert unknown.code == "invalid_api_key"
    raises(openai.PermissionDeniedError, ask(token="token-frank"), status=403, contains="scope")
    missing = raises(openai.NotFoundError, ask(model="gpt-5"), status=404, contains="gpt-5")
    assert missing.code == "model_not_found" and missing.param == "model"
    raises(openai.NotFoundError, ask(model="fake", token="token-carol"), status=404)
    raises(openai.BadRequestError, ask(model="minilm"), status=400, contains="does not serve chat")
    raises(openai.BadRequestError, ask(temperature=9), status=400, contains="temperature")
    raises(openai.BadRequestError, ask(n=2), status=400, contains="n is not supported")
    raises(openai.BadRequestError, ask(extra_body={"id_slot": 0}), status=400, contains="id_slot")
    limited = raises(openai.RateLimitError, ask(token="token-dave"), status=429, contains="budget")
    assert limited.code == "insufficient_quota" and limited.response.headers["retry-after"]
    raises(openai.InternalServerError, ask(model="fake", user="x", stop=["fail"]), status=502)


@check
def a_prompt_longer_than_the_context_says_so():
    long = [{"role": "user", "content": "box " * 6000}]
    raises(
        openai.BadRequestError,
        lambda: alice.chat.completions.create(model="tiny", messages=long),
        status=400,
        contains="context",
    )


@check
def an_error_in_a_stream_is_raised():
    def ask():
        for _ in alice.chat.completions.create(model="fake", messages=HELLO, stop=["break"], stream=True):
            pass

    raises(openai.APIError, ask, contains="broke off")


@check
def a_deadline_is_kept():
    raises(openai.APITimeoutError, lambda: client(timeout=0.5).chat.completions.create(
        model="fake", messages=HELLO, stop=["slow"]))
    raises(
        openai.InternalServerError,
        lambda: alice.chat.completions.create(
            model="fake", messages=HELLO, stop=["slow"], extra_headers={"X-Safebox-Timeout-Ms": "300"}
        ),
        status=504,
    )


run()
