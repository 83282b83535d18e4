package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"switchyard/api"
	"switchyard/client"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/signal/splice"
)

// relayTo opens a relay as raw as it can be.
func (s *testServer) relayTo(room, token, peer string) *websocket.Conn {
	s.t.Helper()
	return s.dial("/v1/relay/"+room+"?token="+token+"&peer="+peer, splice.Subprotocol)
}

// The two ends of the Go client meet by the relay of a real server, over HTTP and over TLS on the media port.
func TestClientsMeetByRelay(t *testing.T) {
	t.Parallel()
	s := run(t, *whole(t, t.TempDir()))
	made := s.handOver(`{}`)
	receiver, _ := s.take("/v1/transfers/" + made.ID + "/accept")
	keys := client.RelayKeys{Sender: true, Seal: make([]byte, 32), Open: make([]byte, 32)}
	rand.Read(keys.Seal)
	rand.Read(keys.Open)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	other := make(chan *client.Relay, 1)
	go func() {
		r, err := client.DialRelay(ctx, "https://"+s.media, made.Room, receiver.Token, "sender", client.RelayKeys{Seal: keys.Open, Open: keys.Seal}, trusting())
		if err != nil {
			t.Error(err)
		}
		other <- r
	}()
	one, err := client.DialRelay(ctx, s.base, made.Room, made.Token, protocol.ParticipantID(receiver.Identity), keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	two := <-other
	if two == nil {
		return
	}
	from, err := one.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	to, err := two.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	message := make([]byte, client.MaxLaneMessage)
	rand.Read(message)
	for range 50 {
		go from.Send(ctx, message)
		if got, err := to.Receive(ctx); err != nil || string(got) != string(message) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if log := s.log.String(); strings.Contains(log, "eyJ") || !strings.Contains(log, "switchyard") && strings.Contains(log, made.Token) {
		t.Fatal("the log holds a token")
	}
	// Withdrawn: both ends are cut off, and stay out.
	if status, _, body := s.call("DELETE", "/v1/transfers/"+made.ID, "", "Authorization: Bearer "+made.Token); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	for _, r := range []*client.Relay{one, two} {
		select {
		case <-r.Done():
		case <-ctx.Done():
			t.Fatal("the relay goes on after the transfer was withdrawn")
		}
	}
	s.refuses("afterwards", 410, protocol.CodeRoomClosed, "GET", "/v1/relay/"+made.Room+"?peer=sender", "", "Authorization: Bearer "+receiver.Token, "Upgrade: websocket")
}

func TestWhoMayRelay(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	expired, err := auth.Mint(s.key, auth.Claims{Room: "demo", Identity: "i", Grants: protocol.Grants{Data: true},
		Issued: time.Now().Add(-2 * time.Hour), Expires: time.Now().Add(-time.Hour)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data, up := s.bearer("demo", "data"), "Upgrade: websocket"
	for _, c := range []struct {
		who, path, header, upgrade string
		status                     int
	}{
		{"nobody", "demo?peer=b", "", up, 401},
		{"an expired token", "demo?peer=b", "Authorization: Bearer " + expired, up, 401},
		{"another room's", "demo?peer=b", s.bearer("other", "data"), up, 401},
		{"a viewer", "demo?peer=b", s.bearer("demo", "subscribe"), up, 403},
		{"to nobody", "demo", data, up, 400},
		{"to itself", "demo?peer=tester", data, up, 400},
		{"to what is no name", "demo?peer=%00", data, up, 400},
		{"no WebSocket", "demo?peer=b", data, "", 400},
		{"another site's page", "demo?peer=b", data, "Origin: https://foe.example", 403},
		{"no room", "..%2f?peer=b", data, up, 401},
	} {
		status, h, body := s.call("GET", "/v1/relay/"+c.path, "", c.header, c.upgrade)
		if status != c.status || h.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s, want %d", c.who, status, body, c.status)
		}
	}
}

// Whom a moderator removes is cut off, too.
func TestRemovedIsNotRelayed(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	token := func(identity string) string {
		token, err := auth.Mint(s.key, auth.Claims{Room: "demo", Identity: identity, Grants: protocol.Grants{Data: true}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	s.joins("demo", "ann", "data").welcome()
	ann, ben := s.relayTo("demo", token("ann"), "ben"), s.relayTo("demo", token("ben"), "ann")
	if err := ann.Write(t.Context(), websocket.MessageBinary, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, m, err := ben.Read(t.Context()); err != nil || string(m) != "hello" {
		t.Fatal(string(m), err)
	}
	if status, _, body := s.call("DELETE", "/v1/rooms/demo/participants/ann", "", s.bearer("", "admin")); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	for name, c := range map[string]*websocket.Conn{"ann": ann, "ben": ben} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != splice.StatusShut {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	s.refuses("again", 403, protocol.CodeForbidden, "GET", "/v1/relay/demo?peer=ben", "", "Authorization: Bearer "+token("ann"), "Upgrade: websocket")
}

// What is relayed ends with the server, in time.
func TestRelaysEndWithTheServer(t *testing.T) {
	t.Parallel()
	s := run(t, *whole(t, t.TempDir()))
	made := s.handOver(`{}`)
	var receiver api.Accepted
	receiver, _ = s.take("/v1/transfers/" + made.ID + "/accept")
	one, two := s.relayTo(made.Room, made.Token, receiver.Identity), s.relayTo(made.Room, receiver.Token, "sender")
	if err := one.Write(t.Context(), websocket.MessageBinary, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, m, err := two.Read(t.Context()); err != nil || string(m) != "hello" {
		t.Fatal(string(m), err)
	}
	begin := time.Now()
	go s.stop()
	var ce websocket.CloseError
	if _, _, err := two.Read(t.Context()); !errors.As(err, &ce) || ce.Code != websocket.StatusGoingAway {
		t.Fatal(err)
	}
	s.stop() // one is never read: it does not answer
	if took := time.Since(begin); took > 30*time.Second {
		t.Fatalf("the server took %v to end", took)
	}
}

// trusting is a client that takes the server's own certificate.
func trusting() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}
