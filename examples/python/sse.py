"""Asks Claude over HTTP with server-sent events, and prints the answer.

python3 sse.py PROMPT | python3 sse.py --attach JOB
Standard library only. A stream that breaks is resumed after the last event that came.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

API = os.environ.get("CC_EXECUTOR_URL", "http://127.0.0.1:8003") + "/v1"
ENDINGS = {"completed", "failed", "cancelled", "timed_out"}
# Longer than the gateway's heartbeat (10 s): a stream that is silent for so long is dead.
SILENCE_S = 30


def retrying(work):
    """Does the work again while no gateway answers, or one says that it may work later."""
    for tries in range(60):
        try:
            return work()
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            if not problem.get("retryable"):
                sys.exit(f"{problem['code']}: {problem['detail']}")
        except OSError:
            pass
        time.sleep(min(5, 0.2 * 2 ** min(tries, 5)))
    sys.exit(f"no gateway at {API}")


def submit(prompt):
    """Gives the job's id. With its key the request may be sent again: it stays one job."""
    request = urllib.request.Request(
        f"{API}/jobs",
        data=json.dumps({"prompt": prompt}).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())},
    )

    def send():
        with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:
            return json.load(answer)["jobId"]

    return retrying(send)


def events_after(job, last_id):
    """The events of one stream; it may end before the job does."""
    request = urllib.request.Request(
        f"{API}/jobs/{job}/events", headers={"Accept": "text/event-stream", "Last-Event-ID": str(last_id)}
    )
    stream = retrying(lambda: urllib.request.urlopen(request, timeout=SILENCE_S))
    name = None
    try:
        with stream:
            for line in stream:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name is None:
                    yield json.loads(value)
                elif field == "data" and name == "job_lost":
                    sys.exit(f"job_lost: {value}")
                elif field == "":
                    name = None
    except OSError:
        pass


def main():
    arguments = sys.argv[1:]
    if not arguments or (arguments[0] == "--attach" and len(arguments) < 2):
        sys.exit("usage: sse.py PROMPT | sse.py --attach JOB")
    job = arguments[1] if arguments[0] == "--attach" else submit(arguments[0])
    print(job, file=sys.stderr)
    pieces = []
    last_id = 0
    while True:
        for event in events_after(job, last_id):
            last_id = event["seq"]
            if event["type"] == "output":
                pieces.append((last_id, event["text"]))
            elif event["type"] == "reset":
                pieces = [piece for piece in pieces if piece[0] < event["discardFromSeq"]]
            elif event["type"] in ENDINGS:
                print("".join(text for _, text in pieces))
                print(event["type"], file=sys.stderr)
                sys.exit(0 if event["type"] == "completed" else 1)
        print(f"… resumed after event {last_id}", file=sys.stderr)
        time.sleep(0.2)


main()
