package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"switchyard/client"
	"switchyard/protocol"
)

// page is the other end of a link as a browser is it: DataChannels, and a WebTransport session that it dials.
type page struct {
	t   testing.TB
	way *client.Way
}

// toPage links a program with a page, which says what it can carry.
func toPage(t *testing.T, transports ...string) (*client.Way, page) {
	t.Helper()
	s := newFakeServer(t)
	opened := make(chan *client.Link, 1)
	a := s.dial("a", client.Options{NoData: true, Bulk: true, Sealer: carrier(nil)})
	s.dial("b", client.Options{NoData: true, Sealer: carrier(transports), Events: client.Events{Link: func(l *client.Link) { opened <- l }}})
	l, err := a.OpenLinkNamed(short(t), "b", "t")
	if err != nil {
		t.Fatal(err)
	}
	return l.Way(), page{t, (<-opened).Way()}
}

// carrier seals nothing, and says with each description what a page can carry.
type carrier []string

func (c carrier) Seal(_ protocol.ParticipantID, _ string, plain []byte) (string, error) {
	var m map[string]any
	if err := json.Unmarshal(plain, &m); err != nil {
		return "", err
	}
	if m["description"] != nil && c != nil {
		m["transports"] = c
	}
	sealed, err := json.Marshal(m)
	return string(sealed), err
}

func (carrier) Open(_ protocol.ParticipantID, _ string, sealed string) ([]byte, error) {
	return []byte(sealed), nil
}

// dial asks for a session at a path.
func (p page) dial(at *client.Way, path string) (*http.Response, *webtransport.Session, error) {
	p.t.Helper()
	seen := make(chan []byte, 1)
	d := &webtransport.Transport{
		TLSClientConfig: &tls.Config{
			NextProtos:         []string{http3.NextProtoH3},
			InsecureSkipVerify: true, // by authorities: a page compares the fingerprint
			VerifyPeerCertificate: func(chain [][]byte, _ [][]*x509.Certificate) error {
				seen <- chain[0]
				return nil
			},
		},
		QUICConfig: &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, MaxIdleTimeout: 5 * time.Second},
	}
	p.t.Cleanup(func() { _ = d.Close() })
	response, session, err := d.Dial(short(p.t), fmt.Sprintf("https://127.0.0.1:%d/%s", at.WebTransport().Port, path), http.Header{"Origin": {"https://example.org"}})
	if err == nil {
		p.t.Cleanup(func() { _ = session.CloseWithError(0, "") })
	}
	select {
	case der := <-seen:
		if !client.HasFingerprint(p.way.RemoteSDP(), der) {
			p.t.Errorf("the certificate %x is not that of the description", sha256.Sum256(der))
		}
		checkForPages(p.t, der)
	default:
	}
	return response, session, err
}

// checkForPages holds a certificate to what a browser asks of one that it knows by its hash.
func checkForPages(t testing.TB, der []byte) {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if life := c.NotAfter.Sub(c.NotBefore); life > 14*24*time.Hour || len(c.Extensions) == 0 || c.PublicKeyAlgorithm != x509.ECDSA {
		t.Errorf("a certificate for %v with %d extensions", life, len(c.Extensions))
	}
}

func TestPageDialsASession(t *testing.T) {
	here, there := toPage(t, client.WayWebTransport)
	_, session, err := there.dial(here, here.WebTransport().Path)
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan client.Lane, 2)
	go func() {
		for range 2 {
			lane, err := here.Open(short(t))
			if err != nil {
				t.Error(err)
			}
			opened <- lane
		}
	}()
	for n := range 2 {
		stream, err := session.AcceptStream(short(t))
		if err != nil {
			t.Fatal(err)
		}
		var number [1]byte
		if _, err := io.ReadFull(stream, number[:]); err != nil || number[0] != byte(n) {
			t.Fatalf("lane %d: %v", number[0], err)
		}
		if _, err := stream.Write(number[:]); err != nil {
			t.Fatal(err)
		}
		speak(t, <-opened, stream)
	}
	if here.Kind() != client.WayWebTransport || here.Lanes() != 1 {
		t.Errorf("%s with %d lanes", here.Kind(), here.Lanes())
	}

	stream, err := session.OpenStreamSync(short(t)) // the page opens lanes, too
	if err != nil {
		t.Fatal(err)
	}
	number := [1]byte{0}
	if _, err := stream.Write(number[:]); err != nil {
		t.Fatal(err)
	}
	lane, err := here.Accept(short(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stream, number[:]); err != nil || number[0] != 0 {
		t.Fatalf("%d came back: %v", number[0], err)
	}
	speak(t, lane, stream)

	if err := session.CloseWithError(0, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := lane.Receive(short(t)); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end of the session: %v", err)
	}
	eventually(t, "the link has ended", func() bool { _, err := here.Open(short(t)); return errors.Is(err, client.ErrLinkClosed) })
}

// speak sends a message each way.
func speak(t *testing.T, lane client.Lane, stream io.ReadWriter) {
	t.Helper()
	m := bytes.Repeat([]byte("switchyard"), 6000)
	sent := make(chan error, 1)
	go func() { sent <- lane.Send(context.WithoutCancel(t.Context()), m) }()
	framed := make([]byte, 4+len(m))
	if _, err := io.ReadFull(stream, framed); err != nil || binary.BigEndian.Uint32(framed) != uint32(len(m)) || !bytes.Equal(framed[4:], m) {
		t.Fatalf("%d bytes announced: %v", binary.BigEndian.Uint32(framed), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Write(framed); err != nil {
		t.Fatal(err)
	}
	if got, err := lane.Receive(short(t)); err != nil || !bytes.Equal(got, m) {
		t.Errorf("%d bytes came: %v", len(got), err)
	}
}

func TestSessionIsForWhoKnowsThePath(t *testing.T) {
	here, there := toPage(t, client.WayWebTransport)
	if response, _, err := there.dial(here, "AAAAAAAAAAAAAAAAAAAAAAAAAA"); err == nil || response == nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("a guessed path: %v, %v", response, err)
	}
	if _, _, err := there.dial(here, here.WebTransport().Path); err != nil {
		t.Errorf("the right one after that: %v", err)
	}
	if _, _, err := there.dial(here, here.WebTransport().Path); err == nil {
		t.Error("there are two sessions")
	}
}

func TestPageWithoutASessionGetsChannels(t *testing.T) {
	for name, transports := range map[string][]string{"never": nil, "not here": {client.WayWebTransport}} {
		t.Run(name, func(t *testing.T) {
			here, there := toPage(t, transports...)
			if len(transports) > 0 {
				if err := there.way.Carry(client.WayDataChannel); err != nil {
					t.Fatal(err)
				}
			}
			select {
			case <-here.WebRefused():
			case <-short(t).Done():
				t.Fatal("it did not hear that there is no session")
			}
			converse(t, here, there.way, 1)
			if here.Kind() != client.WayDataChannel {
				t.Errorf("%s", here.Kind())
			}
		})
	}
}

func TestPageThatNeverDialsGetsChannels(t *testing.T) {
	here, there := toPage(t, client.WayWebTransport)
	converse(t, here, there.way, 1)
	if here.Kind() != client.WayDataChannel {
		t.Errorf("%s", here.Kind())
	}
}

// TestProgramsDoNotAnswer: two programs have QUIC, and let go of the socket.
func TestProgramsDoNotAnswerWebTransport(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	if there.WebTransport() != nil {
		t.Error("who is offered QUIC answers WebTransport")
	}
	d := webtransport.Transport{
		TLSClientConfig: &tls.Config{NextProtos: []string{http3.NextProtoH3}, InsecureSkipVerify: true},
		QUICConfig:      &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, HandshakeIdleTimeout: 200 * time.Millisecond},
	}
	defer d.Close()
	at := here.WebTransport()
	if _, _, err := d.Dial(short(t), fmt.Sprintf("https://127.0.0.1:%d/%s", at.Port, at.Path), nil); err == nil {
		t.Error("it answered")
	}
}
