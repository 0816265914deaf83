"""A visitor with aiortc instead of a browser, on behalf of aiortc.rs: through the gate, over the
protocol of docs/protocol.md, into a call.

    aiortc_visitor.py PORT SITE SECONDS SENT DECOY

Its offer names the port DECOY as one of its own. Sends a melody and a picture with a number in it, writes the melody as it was sent to the file SENT
(16 bits, 48 kHz, one channel), says `session …`, `called`, `connected` and `over` on standard output, and ends the session.
"""

import asyncio
import base64
import fractions
import http.client
import json
import math
import os
import sys
import time

import aioice.ice
import av
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from aiortc.sdp import candidate_from_sdp
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack
from websockets.asyncio.client import connect

# It leaves the loopback out by itself; nothing else is of use here.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

RATE = 48000
STEP = 960
WIDTH, HEIGHT, FPS = 320, 240, 20


def b64(n):
    return base64.urlsafe_b64encode(os.urandom(n)).decode().rstrip("=")


class Melody(AudioStreamTrack):
    """A tone that changes four times a second, in an order that comes again after 25 seconds."""

    def __init__(self, sent):
        super().__init__()
        self.sent, self.phase, self.at = sent, 0.0, 0
        self.began = None

    async def recv(self):
        self.began = self.began or time.time()
        await asyncio.sleep(max(0, self.began + self.at / RATE - time.time()))
        samples = bytearray()
        for n in range(self.at, self.at + STEP):
            beat = n * 4 // RATE
            self.phase += 2 * math.pi * (200 + 6 * (beat * beat % 101)) / RATE
            samples += int(12000 * math.sin(self.phase)).to_bytes(2, "little", signed=True)
        self.sent.write(samples)
        frame = av.AudioFrame(format="s16", layout="mono", samples=STEP)
        frame.planes[0].update(bytes(samples))
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, fractions.Fraction(1, RATE)
        self.at += STEP
        return frame


class Numbers(MediaStreamTrack):
    """The upper half is dark, the lower one shows the picture's number in eight blocks."""

    kind = "video"

    def __init__(self):
        super().__init__()
        self.number, self.began = 0, None

    async def recv(self):
        self.began = self.began or time.time()
        await asyncio.sleep(max(0, self.began + self.number / FPS - time.time()))
        block = WIDTH // 8
        lit = b"".join((b"\xeb" if self.number >> (7 - b) & 1 else b"\x10") * block for b in range(8))
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        rows = [b"\x10" * WIDTH] * (HEIGHT // 2) + [lit] * (HEIGHT // 2)
        pad = frame.planes[0].line_size - WIDTH
        frame.planes[0].update(b"".join(row + bytes(pad) for row in rows))
        for plane in frame.planes[1:]:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = self.number * 90000 // FPS, fractions.Fraction(1, 90000)
        self.number += 1
        return frame


def ask(port, method, path, body=None):
    host = f"widget.localhost:{port}"
    headers = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status < 300, f"{path}: {answer.status} {text}"
    return json.loads(text)


async def main():
    port, site, seconds, sent, decoy = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4], sys.argv[5]
    gate = ask(port, "GET", f"/api/v1/sites/{site}/notice?lang=en")
    consent = ask(port, "POST", f"/api/v1/sites/{site}/consents", {
        "notice": gate["notice"],
        "modalities": ["chat", "audio", "video"],
        "recording": "acknowledged",
        "participant_key": b64(32),
        "receipt": {"lookup": b64(16), "proof_hash": os.urandom(32).hex(), "public_key": b64(32)},
    })
    host = f"widget.localhost:{port}"
    socket = await connect(f"ws://{host}/ws", host="127.0.0.1", port=port, origin=f"http://{host}",
                           subprotocols=["vestibule.v1"], compression=None, proxy=None)

    async def say(message):
        await socket.send(json.dumps(message))

    async def until(wanted):
        while True:
            message = json.loads(await asyncio.wait_for(socket.recv(), 30))
            assert message["t"] != "error", message
            found = wanted(message)
            if found:
                return found

    await say({"t": "join", "site": site, "token": consent["join"], "name": "Stranger"})
    await until(lambda m: m["t"] == "welcome")
    print("session", consent["session"], flush=True)
    await say({"t": "mark", "delivered": 0, "read": 0})
    await until(lambda m: m["t"] == "joined" and m["person"]["role"] == "agent")
    await say({"t": "call", "again": False})
    print("called", flush=True)

    me = consent["participant"]

    def others(m):
        """The others' sources, once the agent is in the call with all of them."""
        people = m["call"]["people"] if m["t"] == "call" and m["call"] else []
        found = [(p["participant"], s["kind"]) for p in people if p["participant"] != me for s in p["sources"]]
        return found if len(found) == 2 else None

    sources = await until(others)
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    with open(sent, "wb") as file:
        melody = connection.addTransceiver(Melody(file), direction="sendonly")
        numbers = connection.addTransceiver(Numbers(), direction="sendonly")
        takes = [(connection.addTransceiver("audio" if kind == "audio" else "video", direction="recvonly"), who, kind)
                 for who, kind in sources]
        hole = MediaBlackhole()
        connection.on("track", lambda track: hole.addTrack(track))
        up = asyncio.Event()
        connection.on("connectionstatechange", lambda: connection.connectionState == "connected" and up.set())
        await connection.setLocalDescription(await connection.createOffer())
        await say({
            "t": "offer",
            "offer": 1,
            "sdp": connection.localDescription.sdp.rstrip() + f"\r\na=candidate:9 1 udp 2130706431 127.0.0.1 {decoy} typ host\r\n",
            "sends": [{"mid": melody.mid, "kind": "audio"}, {"mid": numbers.mid, "kind": "video"}],
            "takes": [{"mid": t.mid, "participant": who, "kind": kind} for t, who, kind in takes],
        })
        answer = await until(lambda m: m["t"] == "answer" and m["sdp"])
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        # The answer names the relay's one candidate in its first section, as RFC 9429 has it; aiortc reads
        # the last section of a bundle alone.
        line = next(line for line in answer.splitlines() if line.startswith("a=candidate:"))
        candidate = candidate_from_sdp(line.removeprefix("a=candidate:"))
        candidate.sdpMid = melody.mid
        await connection.addIceCandidate(candidate)
        await connection.addIceCandidate(None)
        await hole.start()
        await asyncio.wait_for(up.wait(), 20)
        print("connected", flush=True)
        await asyncio.sleep(seconds)
        stats = await connection.getStats()
        came = {s.kind: s.packetsReceived for s in stats.values() if s.type == "inbound-rtp"}
        await say({"t": "hang_up"})
        await until(lambda m: m["t"] == "call" and m["call"] is None)
        await connection.close()
    await say({"t": "end"})
    await until(lambda m: m["t"] == "ended")
    print("over", json.dumps(came), flush=True)


asyncio.run(main())
