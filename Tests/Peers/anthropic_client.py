"""The official client of Anthropic against the gateway."""

import json

import anthropic
import peer
from suite import check, raises, run

config = peer.configuration()


def client(token="token-alice", **options):
    return anthropic.Anthropic(
        base_url=config["url"], api_key=token, max_retries=0, timeout=options.pop("timeout", 60), **options
    )


alice = client()
# The client has no member for it any more, the API has.
COLD = {"temperature": 0}
HELLO = [{"role": "user", "content": "Say something."}]
TOOLS = [
    {
        "name": "weather",
        "description": "The weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


@check
def a_message():
    answer = alice.messages.create(
        model="tiny", max_tokens=8, system="You are a box.", messages=HELLO, stop_sequences=["zzzz"], extra_body=COLD
    )
    assert answer.type == "message" and answer.role == "assistant" and answer.model == "tiny"
    assert answer.content[0].type == "text" and answer.content[0].text
    assert answer.stop_reason == "max_tokens" and answer.usage.output_tokens == 8


@check
def cached_tokens_are_left_out_of_the_input():
    words = [{"role": "user", "content": "Count what is cached and what is not. " * 8}]
    first = alice.messages.create(model="tiny", max_tokens=1, messages=words).usage
    second = alice.messages.create(model="tiny", max_tokens=1, messages=words).usage
    total = first.input_tokens + first.cache_read_input_tokens
    assert second.cache_read_input_tokens > total / 2
    assert second.input_tokens + second.cache_read_input_tokens == total
    assert alice.messages.count_tokens(model="tiny", messages=words).input_tokens == total


@check
def a_message_is_streamed():
    asked = dict(model="tiny", max_tokens=8, system=[{"type": "text", "text": "You are a box."}], messages=HELLO)
    whole = alice.messages.create(**asked, extra_body=COLD)
    with alice.messages.stream(**asked, extra_body=COLD) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text == final.content[0].text
    assert final.stop_reason == "max_tokens" and final.usage.output_tokens == 8
    assert final.usage.input_tokens + final.usage.cache_read_input_tokens == (
        whole.usage.input_tokens + whole.usage.cache_read_input_tokens
    )


@check
def the_events_have_their_names_and_order():
    events = [event.type for event in alice.messages.create(model="fake", max_tokens=9, messages=HELLO, stream=True)]
    # The client swallows pings.
    assert events == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ], events


@check
def tools_make_a_round_trip():
    ask = [{"role": "user", "content": "The weather?"}]
    answer = alice.messages.create(
        model="fake", max_tokens=50, messages=ask, tools=TOOLS, tool_choice={"type": "any"}
    )
    use = answer.content[0]
    assert answer.stop_reason == "tool_use" and (use.type, use.name, use.input) == ("tool_use", "weather", {"city": "Bern"})
    final = alice.messages.create(
        model="fake",
        max_tokens=50,
        tools=TOOLS,
        messages=ask
        + [
            {"role": "assistant", "content": answer.content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "rain"}]},
        ],
    )
    assert final.stop_reason == "end_turn" and final.content[0].text == "It is rain."
    with alice.messages.stream(model="fake", max_tokens=50, messages=ask, tools=TOOLS) as stream:
        streamed = stream.get_final_message()
    assert streamed.stop_reason == "tool_use" and streamed.content[0].input == {"city": "Bern"}


@check
def a_schema_passes():
    schema = {"type": "object", "properties": {}}
    answer = alice.messages.create(
        model="fake",
        max_tokens=9,
        messages=HELLO,
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": schema}},
    )
    asked = json.loads(answer.content[0].text)
    assert asked["response_format"]["json_schema"]["schema"] == schema and asked["reasoning_effort"] == "low"


@check
def models_are_listed_in_this_shape():
    models = {model.id: model for model in alice.models.list()}
    assert models["tiny"].type == "model" and models["tiny"].created_at.year == 2023
    assert alice.models.retrieve("tiny").display_name == "tiny"


@check
def a_bearer_token_will_do():
    bearer = anthropic.Anthropic(base_url=config["url"], auth_token="token-alice", api_key=None, max_retries=0)
    assert bearer.messages.create(model="tiny", max_tokens=1, messages=HELLO).usage.output_tokens == 1


@check
def errors_are_the_clients_own():
    def ask(model="tiny", token="token-alice", **more):
        return lambda: client(token).messages.create(model=model, max_tokens=2, messages=HELLO, **more)

    unknown = raises(anthropic.AuthenticationError, ask(token="token-of-nobody"), status=401)
    assert unknown.body["error"]["type"] == "authentication_error"
    raises(anthropic.PermissionDeniedError, ask(token="token-frank"), status=403, contains="scope")
    missing = raises(anthropic.NotFoundError, ask(model="claude"), status=404, contains="claude")
    assert missing.body["type"] == "error" and missing.body["error"]["type"] == "not_found_error"
    raises(anthropic.BadRequestError, ask(extra_body={"temperature": 2}), status=400, contains="temperature")
    raises(anthropic.BadRequestError, ask(extra_body={"cache_prompt": False}), status=400, contains="cache_prompt")
    raises(
        anthropic.BadRequestError,
        ask(thinking={"type": "enabled", "budget_tokens": 1024}),
        status=400,
        contains="thinking",
    )
    limited = raises(anthropic.RateLimitError, ask(token="token-dave"), status=429, contains="budget")
    assert limited.body["error"]["type"] == "rate_limit_error"
    raises(anthropic.InternalServerError, ask(model="fake", stop_sequences=["fail"]), status=502)


@check
def an_error_in_a_stream_is_raised():
    def ask():
        with alice.messages.stream(model="fake", max_tokens=9, messages=HELLO, stop_sequences=["break"]) as stream:
            list(stream)

    try:
        ask()
    except anthropic.APIStatusError as error:
        assert json.loads(json.dumps(error.body))["error"]["type"] == "api_error", error.body
        return
    raise AssertionError("nothing was raised")


@check
def counting_is_refused_where_nobody_can():
    raises(
        anthropic.BadRequestError,
        lambda: alice.messages.count_tokens(model="fake", messages=HELLO),
        status=400,
        contains="cannot count",
    )


run()
