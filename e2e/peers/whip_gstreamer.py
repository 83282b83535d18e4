#!/usr/bin/python3
"""A WHIP publisher (RFC 9725) made of GStreamer's webrtcbin: a peer that is not ours.

Debian 12's simple-whip-client would be one, but it aborts at its start: it is linked with libsoup 2
and libnice brings libsoup 3 into the same process.

    whip_gstreamer.py URL TOKEN [vp8|h264]

It publishes a moving ball and a tone until SIGINT or SIGTERM, then sends DELETE. It does not trickle:
all candidates are in the offer.
"""

import signal
import sys
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENCODERS = {
    "vp8": "vp8enc deadline=1 keyframe-max-dist=50 target-bitrate=400000 ! rtpvp8pay pt=96 picture-id-mode=15-bit"
    " ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "h264": "openh264enc bitrate=400000 gop-size=50 ! video/x-h264,profile=constrained-baseline"
    " ! h264parse config-interval=-1 ! rtph264pay pt=96 aggregate-mode=zero-latency"
    " ! application/x-rtp,media=video,encoding-name=H264,payload=96,packetization-mode=(string)1",
}
PIPELINE = """
webrtcbin name=rtc bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=25/1 ! {encoder} ! queue ! rtc.
audiotestsrc is-live=true wave=sine freq=440 volume=0.5 ! audioconvert ! opusenc ! rtpopuspay pt=111
 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! queue ! rtc.
"""


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Publisher:
    def __init__(self, url, token, codec):
        self.url, self.token, self.resource = url, token, None
        self.loop = GLib.MainLoop()
        self.failed = False
        self.pipeline = Gst.parse_launch(PIPELINE.format(encoder=ENCODERS[codec]))
        self.rtc = self.pipeline.get_by_name("rtc")
        self.rtc.connect("on-negotiation-needed", self.negotiate)
        self.rtc.connect("notify::ice-gathering-state", self.gathering)
        self.rtc.connect("notify::connection-state", self.state)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.error)

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.resource:
            say("DELETE", self.request("DELETE", self.resource).status)
        self.pipeline.set_state(Gst.State.NULL)
        return 1 if self.failed else 0

    def fail(self, *words):
        say(*words)
        self.failed = True
        self.loop.quit()

    def error(self, _bus, message):
        self.fail("pipeline:", *message.parse_error())

    def state(self, *_):
        say("connection", self.rtc.get_property("connection-state").value_nick)

    def negotiate(self, _rtc):
        self.rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered, None))

    def offered(self, promise, _):
        reply = promise.get_reply()
        offer = reply.get_value("offer")  # lives as long as the reply
        self.rtc.emit("set-local-description", offer, Gst.Promise.new())

    def gathering(self, *_):
        if self.rtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.exchange)

    def exchange(self):
        offer = self.rtc.get_property("local-description").sdp.as_text()
        say(offer)
        try:
            response = self.request("POST", self.url, offer.encode(), "application/sdp")
        except OSError as err:
            self.fail("POST:", err, getattr(err, "read", bytes)().decode())
            return
        self.resource = urllib.parse.urljoin(self.url, response.headers["Location"])
        text = response.read().decode()
        say(response.status, self.resource)
        say(text)
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.rtc.emit("set-remote-description", answer, Gst.Promise.new())

    def request(self, method, url, body=None, kind=None):
        headers = {"Authorization": f"Bearer {self.token}"}
        if kind:
            headers["Content-Type"] = kind
        return urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=10)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    Gst.init(None)
    sys.exit(Publisher(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "vp8").run())
