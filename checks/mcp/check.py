#!/usr/bin/env python3
"""Holds our MCP client and server to other programs', each in both versions of the protocol that we speak.

    npm install --prefix FOLDER @modelcontextprotocol/server-everything @modelcontextprotocol/server-filesystem \\
        @modelcontextprotocol/conformance
    pip install mcp
    cargo build --release --workspace --all-features --bins --examples
    python3 checks/mcp/check.py --npm FOLDER [--server COMMAND …]

1. The official Python client against our server: list, read, write with the user's no (nothing changes) and with the user's yes
   (undo takes it back). The server is a small host of the tests unless `--server` names another, such as
   `reinette --home DIR mcp`; that one has to have a tool that writes a note (`create_note` or `add_note`), `journal` and `undo`.
2. Our client against `server-everything` and `server-filesystem`, over standard input and output and over HTTP.
3. The client scenarios of the protocol's conformance suite (Node.js 22 or newer) that need no authorization server. Scenarios of
   servers need HTTP, which ours does not serve.

Prints a line for each check; the exit status tells whether all hold.
"""

import argparse
import asyncio
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Scenarios of clients without authorization, which is not spoken.
SCENARIOS = ["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"]

failures = 0


def check(what, holds, details=""):
    global failures
    failures += not holds
    print(f"{'ok    ' if holds else 'FAILED'} {what}" + (f": {details}" if details and not holds else ""))


async def python_client(command, mode):
    """The official client, whose user answers as the list says."""
    import mcp
    from mcp import types
    from mcp.client.client import Client

    answers, asked = [], []

    async def user(context, params):
        asked.append(params.message)
        return types.ElicitResult(action=answers.pop(0), content={})

    def text(result):
        return "\n".join(part.text for part in result.content if part.type == "text")

    server = mcp.StdioServerParameters(command=command[0], args=command[1:])
    async with Client(server, mode=mode, elicitation_callback=user, read_timeout_seconds=60) as client:
        version = client.session.protocol_version
        names = {tool.name for tool in (await client.list_tools()).tools}
        write = "create_note" if "create_note" in names else "add_note"
        check(f"python {version}: tools are listed", {write, "journal", "undo"} <= names, names)
        resources = (await client.list_resources()).resources
        check(f"python {version}: resources are listed", bool(resources))

        async def notes():
            uri = next(resource.uri for resource in resources if "notes" in str(resource.uri))
            return (await client.read_resource(uri)).contents[0].text

        before = await notes()
        answers.append("decline")
        refused = await client.call_tool(write, {"text": "milk and bread"})
        check(f"python {version}: the user is asked", asked and "milk and bread" in asked[0], asked)
        check(f"python {version}: a no changes nothing", refused.is_error and await notes() == before, text(refused))
        answers.append("accept")
        written = await client.call_tool(write, {"text": "milk and bread"})
        check(f"python {version}: a yes writes", not written.is_error and "milk and bread" in await notes(), text(written))
        journal = await client.call_tool("journal", {})
        check(f"python {version}: the journal tells", "milk and bread" in text(journal), text(journal))
        answers.append("accept")
        undone = await client.call_tool("undo", {})
        check(f"python {version}: undo takes it back", not undone.is_error and await notes() == before, text(undone))
    async with Client(server, mode=mode, read_timeout_seconds=60) as client:
        mute = await client.call_tool(write, {"text": "milk and bread"})
        check(f"python {version}: who cannot ask changes nothing", mute.is_error and "elicitation" in text(mute), text(mute))


def our_client(arguments, timeout=120, env=None):
    """The lines that our client prints, by type."""
    program = ROOT / "target/release/examples/client"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=timeout, env=env)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done, lines


def answers(lines):
    return {line["tool"]: line["answer"] for line in lines if line["type"] == "answer"}


def everything(where, arguments):
    calls = ["--call", 'echo={"message": "hello"}', "--call", 'get_sum={"a": 2, "b": 3}']
    done, lines = our_client([*calls, *arguments])
    state = next((line["state"] for line in lines if line["type"] == "server"), {})
    check(f"{where}: it can be used", state.get("error") is None and len(state.get("tools", [])) > 5, done.stderr or state)
    check(f"{where}: resources and prompts are listed", state.get("resources", 0) > 0 and state.get("prompts", 0) > 0, state)
    got = answers(lines)
    check(f"{where}: echo", "hello" in got.get("echo", {}).get("text", ""), lines[-3:])
    check(f"{where}: a sum", "5" in got.get("get_sum", {}).get("text", ""), lines[-3:])
    check(f"{where}: no tool is unusable", not [line for line in lines if line["type"] == "error"], lines)
    print(f"       {where}: version {state.get('protocol')}, {len(state.get('tools', []))} tools")


def filesystem(npm):
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        path = f"{folder}/kettle.txt"
        pathlib.Path(path).write_text("It whistles.")
        calls = [
            "--call", "read_text_file=" + json.dumps({"path": path}),
            "--call", "write_file=" + json.dumps({"path": f"{folder}/new.txt", "content": "new"}),
            "--call", "list_directory=" + json.dumps({"path": "/"}),
        ]
        done, lines = our_client([*calls, f"{npm}/node_modules/.bin/mcp-server-filesystem", folder])
        got = answers(lines)
        check("filesystem: reads", "It whistles." in got.get("read_text_file", {}).get("text", ""), done.stderr or lines[:1])
        written = pathlib.Path(f"{folder}/new.txt")
        check("filesystem: writes", written.exists() and written.read_text() == "new", lines[-3:])
        check("filesystem: its refusal is an error", got.get("list_directory", {}).get("is_error"), got.get("list_directory"))
        reads = {line["definition"]["name"]: line["only_reads"] for line in lines if line["type"] == "tool"}
        right = reads.get("read_text_file") and not reads.get("write_file")
        check("filesystem: what only reads is known", right, reads)


def conformance(npm, node):
    env = dict(os.environ)
    if node:
        env["PATH"] = f"{node}:{env['PATH']}"
    client = f"{ROOT}/target/release/examples/client --call-all"
    for scenario in SCENARIOS:
        command = [f"{npm}/node_modules/.bin/conformance", "client", "--command", client, "--scenario", scenario]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, cwd=folder)
        words = [line for line in (done.stdout + done.stderr).splitlines() if "FAIL" in line or "rror" in line]
        check(f"conformance: {scenario}", done.returncode == 0, "\n".join(words[:8]) or done.stdout[-500:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npm", help="where npm installed the servers and the suite")
    parser.add_argument("--node", help="the folder of another Node.js, for the suite")
    parser.add_argument("--server", nargs=argparse.REMAINDER, help="the command of our server")
    arguments = parser.parse_args()
    command = arguments.server or [str(ROOT / "target/release/reinette-mcp-test-server"), "host"]
    for mode in ["legacy", "auto"]:
        asyncio.run(python_client(command, mode))
    if arguments.npm:
        npm = os.path.realpath(arguments.npm)
        everything("everything, stdio", [f"{npm}/node_modules/.bin/mcp-server-everything", "stdio"])
        port = 3917
        env = dict(os.environ, PORT=str(port))
        server = subprocess.Popen(
            [f"{npm}/node_modules/.bin/mcp-server-everything", "streamableHttp"],
            env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(5)
            everything("everything, HTTP", [f"http://127.0.0.1:{port}/mcp"])
        finally:
            server.terminate()
            server.wait()
        filesystem(npm)
        conformance(npm, arguments.node)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
