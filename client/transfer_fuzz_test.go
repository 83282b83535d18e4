package client

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"switchyard/api"
	"switchyard/protocol"
)

// plainSealer opens everything as what it is.
type plainSealer struct{}

func (plainSealer) Seal(_ protocol.ParticipantID, _ string, plain []byte) (string, error) {
	return string(plain), nil
}

func (plainSealer) Open(_ protocol.ParticipantID, _ string, sealed string) ([]byte, error) {
	if sealed == "shut" {
		return nil, errors.New("shut")
	}
	return []byte(sealed), nil
}

func FuzzSealedSignal(f *testing.F) {
	f.Add(`{"description":{"type":"offer","sdp":"v=0"},"transports":["quic"]}`)
	f.Add(`{"close":true}`)
	f.Add(`{"description":{"type":"answer","sdp":"v=0"},"transports":["webtransport"],"webTransport":{"port":4433,"path":"x"}}`)
	f.Add(`shut`)
	f.Add(``)
	f.Fuzz(func(t *testing.T, sealed string) {
		c := &Client{o: Options{Sealer: plainSealer{}}, log: slog.New(slog.DiscardHandler)}
		m, ok := c.unseal(protocol.Signal{Link: "t", From: "b", Sealed: sealed})
		s := c.Stats()
		if ok == (s.Unsealed+s.Unopened == 1) {
			t.Fatalf("taken: %v, but %+v", ok, s)
		}
		if !ok {
			return
		}
		again, err := c.seal(protocol.Signal{Link: "t", To: "b", Description: m.Description, Candidate: m.Candidate, Transports: m.Transports, WebTransport: m.WebTransport, Close: m.Close})
		if err != nil || again.Description != nil || again.Candidate != nil || again.Close || again.Sealed == "" {
			t.Errorf("sealing it again: %+v, %v", again, err)
		}
	})
}

func FuzzTransferAnswer(f *testing.F) {
	f.Add(200, []byte(`{"id":"A","expires":"2026-01-02T03:04:05Z"}`))
	f.Add(410, []byte(`{"title":"Gone","status":200,"detail":"Used up."}`))
	f.Add(502, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := answered(&http.Response{StatusCode: status, Status: http.StatusText(status)}, body, &Transfer{})
		if status >= 300 && err == nil {
			t.Error("a refusal is taken for an answer")
		}
		if p, ok := errors.AsType[*api.Problem](err); ok && p.Status != status {
			t.Errorf("status %d is told as %d", status, p.Status)
		}
	})
}

func FuzzRelayMessage(f *testing.F) {
	key, random := make([]byte, 32), make([]byte, relayRandom)
	aead, err := relayCipher(key, random, random)
	if err != nil {
		f.Fatal(err)
	}
	nonce := relayNonce(3)
	f.Add(uint64(3), aead.Seal(nil, nonce[:], []byte("hello"), nil))
	f.Add(uint64(0), []byte{})
	f.Fuzz(func(t *testing.T, n uint64, box []byte) {
		checkBox(t, aead, n, box)
	})
}

// checkBox opens a box as Relay.receive does: what opens is what was sealed under this number.
func checkBox(t *testing.T, aead cipher.AEAD, n uint64, box []byte) {
	nonce := relayNonce(n)
	m, err := aead.Open(nil, nonce[:], box, nil)
	if err != nil {
		return
	}
	if !bytes.Equal(aead.Seal(nil, nonce[:], m, nil), box) {
		t.Error("it was not sealed so")
	}
}
