"""Runs named checks one after the other and says what came of each."""

import traceback

import peer

_checks = []


def check(function):
    _checks.append(function)
    return function


def run():
    peer.say({"ready": [function.__name__ for function in _checks]})
    for function in _checks:
        try:
            function()
            peer.say({"check": function.__name__, "passed": True})
        except BaseException:  # noqa: BLE001 - whatever went wrong is the finding
            peer.say({"check": function.__name__, "passed": False, "why": traceback.format_exc()[-2000:]})
    peer.say({"done": True})


def raises(kind, call, *, status=None, contains=""):
    """The call raises exactly this class of the client's, with that status and text."""
    try:
        call()
    except Exception as error:  # noqa: BLE001
        assert type(error) is kind, f"{type(error)} instead of {kind}: {error}"
        assert status is None or error.status_code == status, error.status_code
        assert contains in str(error), str(error)
        return error
    raise AssertionError(f"nothing was raised instead of {kind}")
