"""Runs a command on a pseudo terminal and types at it. JSON in, JSON out; see esm-safety.test.ts."""
import json
import os
import pty
import signal
import sys
import termios

given = json.load(sys.stdin)
controller, terminal = pty.openpty()
before = termios.tcgetattr(terminal)
child = os.fork()
if child == 0:
    os.setsid()
    os.close(controller)
    for descriptor in (0, 1, 2):
        os.dup2(terminal, descriptor)
    os.chdir(given["cwd"])
    os.execvp(given["command"][0], given["command"])

screen = b""
typed = list(given["typed"])
seen = 0
status = None
os.set_blocking(controller, False)
while status is None or screen_grew:
    try:
        more = os.read(controller, 65536)
    except BlockingIOError:
        more = b""
    screen += more
    screen_grew = len(more) > 0
    if typed and typed[0][0].encode() in screen[seen:]:
        prompt, text = typed.pop(0)
        seen = screen.index(prompt.encode(), seen) + len(prompt.encode())
        if text == "SIGINT":
            # The terminal would send it, were it the one that controls the program.
            os.kill(child, signal.SIGINT)
            continue
        # What is typed before the program has turned the echo off would be shown by the terminal itself.
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            pass
        os.write(controller, text.encode())
    if status is None:
        done, found = os.waitpid(child, os.WNOHANG)
        if done:
            status = found
            screen_grew = True

json.dump(
    {
        "screen": screen.decode("utf-8", "replace"),
        "code": os.waitstatus_to_exitcode(status),
        "restored": termios.tcgetattr(terminal) == before,
    },
    sys.stdout,
)
