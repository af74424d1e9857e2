"""The sandbox as a process: ready line, clean stop, nothing answered is lost to ``kill -9``."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import httpx

from integrations.sandbox.testing import API_KEY, SandboxHandle, running_sandbox
from tests.sandbox.conftest import ERIK, Api, Receiver

ROOT = Path(__file__).resolve().parents[2]


def client(sandbox: SandboxHandle) -> Api:
    return Api(base_url=f"{sandbox.unipile_url}/api/v1/", headers={"X-API-KEY": API_KEY}, trust_env=False)


def test_what_was_answered_survives_kill_9_and_webhooks_still_go_out(
    tmp_path: Path, receiver: Receiver
) -> None:
    with running_sandbox(data_dir=tmp_path, process=True) as first, client(first) as api:
        api.subscribe(receiver.url)
        first.act("tomas-weil", "connect", account_id=ERIK)
        sent = api.start_chat(api.member_id("tomas-weil"), "Hi Tomas").json()
        first.settle()
        invitation = api.invite("maya-lindqvist").json()["invitation_id"]
        first.add_fault("status", path="*/never", times=3)
        receiver.statuses = [500]
        first.reply("tomas-weil", "Told late")
        assert len(receiver.received) == 2
        calls = len(first.calls(writes=True))
        first.kill()
    with running_sandbox(data_dir=tmp_path, process=True) as second, client(second) as api:
        messages = api.get("messages", params={"account_id": ERIK}).json()["items"]
        assert [item["text"] for item in messages] == ["Told late", "Hi Tomas"]
        assert messages[1]["id"] == sent["message_id"]
        (pending,) = api.get("users/invite/sent", params={"account_id": ERIK}).json()["items"]
        assert pending["id"] == invitation
        assert len(second.calls(writes=True)) == calls
        assert second.call("GET", "/faults")["items"][0]["remaining"] == 3
        second.jump(minutes=2)
        assert [item["message"] for item in receiver.events()] == ["Hi Tomas", "Told late", "Told late"]


def test_a_second_sandbox_on_the_same_directory_is_refused_and_sigterm_is_quick(tmp_path: Path) -> None:
    with running_sandbox(data_dir=tmp_path, process=True) as sandbox:
        command = [sys.executable, "-m", "integrations.sandbox", "--data-dir", str(tmp_path)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
        assert second.returncode == 2
        assert second.stderr.startswith("sandbox: cannot open")
        assert len(second.stderr.strip().splitlines()) == 1
        # A call that is being delayed must not hold up the stop.
        sandbox.add_fault("delay", seconds=60)
        with contextlib.suppress(httpx.TimeoutException):
            httpx.get(f"{sandbox.unipile_url}/api/v1/accounts", timeout=0.1, trust_env=False)
        assert sandbox.process is not None
        began = time.monotonic()
        sandbox.process.terminate()
        assert sandbox.process.wait(5) == 0
        assert time.monotonic() - began < 2


def test_bad_use_exits_2() -> None:
    command = [sys.executable, "-m", "integrations.sandbox", "--speed", "-3"]
    bad = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert bad.returncode == 2
