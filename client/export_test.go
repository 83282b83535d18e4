package client

import (
	"io"
	"net/netip"

	"github.com/quic-go/quic-go"

	"switchyard/protocol"
)

// RefuseQUIC makes the way one of DataChannels, as where QUIC does not come up.
func (w *Way) RefuseQUIC() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fellBack = true
}

// LoseQUIC loses everything that QUIC sends from now on, as a firewall that knows it does.
func (w *Way) LoseQUIC() { w.l.bulk.net.Unselect() }

// SwapCertificate makes this end show QUIC a certificate that its description does not name.
func (w *Way) SwapCertificate() error {
	other, err := newBulk(&w.l.c.o)
	if err == nil {
		w.l.bulk.cert = other.cert
	}
	return err
}

// Restart restarts ICE.
func (w *Way) Restart() { w.l.restart() }

// Fail ends the link as one whose path is gone.
func (w *Way) Fail() { w.l.end(errLinkFailed) }

// ErrLinkFailed is what Fail ends it with.
var ErrLinkFailed = errLinkFailed

// Path is the address of our end of the path.
func (w *Way) Path() (a netip.AddrPort) {
	a, _ = w.l.bulk.net.Path()
	return a
}

// QUICDatagrams counts those that came.
func (w *Way) QUICDatagrams() uint64 { return w.l.bulk.net.Stats().Received }

// HasFingerprint is hasFingerprint.
var HasFingerprint = hasFingerprint

// ReadLane cuts the bytes of a QUIC lane into messages.
func ReadLane(r io.Reader) func() ([]byte, error) { return (&frameReader{r: r}).next }

// QUICStats are those of the connections of the lanes that there were.
func (w *Way) QUICStats() (stats []quic.ConnectionStats) {
	w.l.quic.mu.Lock()
	defer w.l.quic.mu.Unlock()
	for _, lane := range w.l.quic.lanes {
		stats = append(stats, lane.conn.ConnectionStats())
	}
	return stats
}

// Via sends what QUIC sends to another address, where a bad network passes it on, whatever ICE says from now on.
func (w *Way) Via(remote netip.AddrPort) error {
	done := make(chan error, 1)
	w.l.do(func() {
		net := w.l.bulk.net
		local, _ := net.Path()
		other, err := newBulk(&w.l.c.o)
		if err == nil {
			other.cert = w.l.bulk.cert
			w.l.bulk = other
			err = net.Select(local, remote)
		}
		done <- err
	})
	return <-done
}

// WebTransport is where this end answers it; nil where it does not.
func (w *Way) WebTransport() *protocol.WebTransport {
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	if w.l.web == nil {
		return nil
	}
	return &w.l.web.at
}

// Carry says that this end can carry these besides DataChannels, as a page does.
func (w *Way) Carry(transports ...string) error {
	return w.l.tell(protocol.Signal{Transports: transports})
}

// WebRefused is closed when the other end has said that it has no session.
func (w *Way) WebRefused() <-chan struct{} { return w.l.web.no }

// RemoteSDP is the other end's description.
func (w *Way) RemoteSDP() string { return w.l.pc.CurrentRemoteDescription().SDP }
