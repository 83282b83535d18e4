package sfu

import (
	"errors"
	"slices"

	"switchyard/peer"
)

// ErrNoChannel is returned for a message to a DataChannel that is not open.
var ErrNoChannel = errors.New("sfu: no such data channel")

// maxChannels bounds the DataChannels that one link keeps open.
const maxChannels = 32

// onDataChannel takes a channel that the other end opened. A second one of the same label takes
// the place of the first.
func (l *Link) onDataChannel(dc *peer.DataChannel) {
	if len(l.data) >= maxChannels {
		_ = dc.Close()
		return
	}
	label := dc.Label
	l.data[label] = dc
	dc.OnMessage(func(b []byte, text bool) {
		payload := slices.Clone(b)
		l.post(func() {
			if !l.ended {
				l.emit(Data{Label: label, Text: text, Payload: payload})
			}
		})
	})
	dc.OnClose(func() {
		l.post(func() {
			if l.data[label] == dc {
				delete(l.data, label)
			}
		})
	})
	l.emit(DataOpened{Label: label})
}

// SendData sends one message on the channel of that label. It does not wait: what the channel's
// buffer cannot take is counted as dropped, and a reliable channel that overflows is closed, so that
// its other end notices. The link keeps b.
func (l *Link) SendData(label string, b []byte, text bool) {
	l.post(func() {
		dc := l.data[label]
		if l.ended || dc == nil {
			l.shard.counters.drop(DropNoChannel)
			return
		}
		if err := dc.Send(b, text); err != nil {
			l.shard.counters.drop(DropChannelFull)
			if dc.Reliable {
				_ = dc.Close()
			}
		}
	})
}
