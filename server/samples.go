package server

import (
	"strconv"

	"switchyard/app/conference"
	"switchyard/sfu"
	"switchyard/signal/ws"
)

func gauge[T int | int64](name, help string, v T) Sample {
	return Sample{Name: "switchyard_" + name, Help: help, Value: float64(v)}
}

func total(name, help string, v uint64) Sample {
	return Sample{Name: "switchyard_" + name + "_total", Help: help, Counter: true, Value: float64(v)}
}

// by labels a sample.
func (s Sample) by(label, of string) Sample {
	s.Label, s.Of = label, of
	return s
}

func sfuSamples(st sfu.Stats) []Sample {
	out := []Sample{
		gauge("links", "WebRTC links now.", st.Links),
		total("rtp_received", "RTP packets opened.", st.Received),
		total("rtp_sent", "RTP packets sealed and queued, retransmissions included.", st.Sent),
		total("rtp_unpublished", "RTP packets of m-lines that are no track.", st.Unpublished),
		total("datagrams_passed_on", "Datagrams that reached another shard's socket.", st.PassedOn),
		total("udp_received", "UDP datagrams received.", st.Sockets.Received),
		total("udp_sent", "UDP datagrams sent.", st.Sockets.Sent),
		total("udp_messages", "Messages in which they left; fewer with GSO.", st.Sockets.Messages),
		total("udp_calls", "System calls that sent something.", st.Sockets.Calls),
	}
	out = append(out, total("probe_padding_bytes", "Padding sent by bandwidth probes.", st.Padding))
	for i, n := range st.Estimates {
		upTo := "more"
		if steps := sfu.EstimateSteps(); i < len(steps) {
			upTo = strconv.FormatUint(uint64(steps[i]), 10)
		}
		out = append(out, gauge("links_by_estimate", "Links by what they may send, up to so many bit/s and above the step below.", n).by("up_to", upTo))
	}
	for _, state := range sfu.SlotStates() {
		out = append(out, gauge("slots", "Slots that a track feeds now, by whether it flows (live) or why it does not.", st.Slots[state]).by("state", state))
	}
	out = append(out,
		total("layer_switches", "Times that a slot changed to another layer of its track.", st.LayerSwitches),
		total("rtp_retransmitted", "RTP packets sent again because their receiver missed them.", st.Retransmitted),
		total("keyframe_requests", "Keyframes asked of publishers.", st.KeyframesAsked),
		total("keyframes", "Keyframes that came.", st.Keyframes))
	for reason, n := range st.Drops {
		out = append(out, total("drops", "Datagrams and packets dropped, by reason.", n).by("reason", reason))
	}
	for reason, n := range map[string]uint64{
		"truncated": st.Sockets.Truncated, "socket-full": st.Sockets.SocketFull, "unreachable": st.Sockets.Unreachable,
		"too-long": st.Sockets.TooLong, "failed": st.Sockets.Failed,
	} {
		out = append(out, total("udp_drops", "UDP datagrams dropped by the sockets, by reason.", n).by("reason", reason))
	}
	return out
}

func hostSamples(st conference.Stats) []Sample {
	return []Sample{
		gauge("rooms", "Rooms now.", st.Rooms),
		total("rooms_opened", "Rooms opened.", st.RoomsOpened),
		total("tokens_refused", "Tokens that opened no room.", st.Refused),
		total("data_relayed", "Messages from DataChannels passed on, per receiver.", st.DataRelayed),
		total("data_dropped", "Messages from DataChannels dropped because a room was behind.", st.DataDropped),
		total("data_bad", "Messages from DataChannels that were malformed or forbidden.", st.DataBad),
		total("backups_asked", "Second encodings that publishers were asked for, by somebody who cannot decode the first.", st.BackupsAsked),
	}
}

func socketSamples(st ws.Stats, visits int) []Sample {
	return []Sample{
		gauge("websockets", "WebSockets now.", st.Open),
		gauge("whip_sessions", "WHIP and WHEP sessions now.", visits),
		total("websockets_opened", "WebSockets opened.", st.Opened),
		total("messages_received", "Messages received on WebSockets.", st.Received),
		total("messages_sent", "Messages sent on WebSockets.", st.Sent),
		total("messages_bad", "Messages that are none, or too large.", st.Bad+st.TooLarge),
		total("messages_throttled", "Messages that had to wait because their client was too fast.", st.Throttled),
		total("websockets_dropped", "WebSockets closed by the server.", st.Overflowed).by("reason", "overflow"),
		total("websockets_dropped", "WebSockets closed by the server.", st.Silent).by("reason", "silent"),
		total("websockets_dropped", "WebSockets closed by the server.", st.Refused).by("reason", "refused"),
	}
}
